/*
 * The part of wasmtime's C API that this package uses, declared here so that the build needs no header of
 * another module. Names, types and values are those of <wasm.h> and <wasmtime.h> of wasmtime 44; abi_test.go
 * compares both with the C compiler, so that a new version of the library cannot drift away unseen.
 *
 * The test includes this file after the real headers with WASMTIME_ABI_PROTOTYPES_ONLY: the compiler then
 * checks each prototype against the real one.
 */
#ifndef WASMTIME_ABI_H
#define WASMTIME_ABI_H

#ifndef WASMTIME_ABI_PROTOTYPES_ONLY

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WASMTIME_VERSION "44.0.0"

typedef struct wasm_config_t wasm_config_t;
typedef struct wasm_engine_t wasm_engine_t;
typedef struct wasm_functype_t wasm_functype_t;
typedef struct wasm_globaltype_t wasm_globaltype_t;
typedef struct wasm_trap_t wasm_trap_t;
typedef struct wasm_valtype_t wasm_valtype_t;
typedef struct wasmtime_caller wasmtime_caller_t;
typedef struct wasmtime_context wasmtime_context_t;
typedef struct wasmtime_error wasmtime_error_t;
typedef struct wasmtime_instance_pre wasmtime_instance_pre_t;
typedef struct wasmtime_linker wasmtime_linker_t;
typedef struct wasmtime_module wasmtime_module_t;
typedef struct wasmtime_store wasmtime_store_t;

typedef struct wasm_byte_vec_t {
	size_t size;
	char *data;
} wasm_byte_vec_t;
typedef wasm_byte_vec_t wasm_name_t;
typedef wasm_byte_vec_t wasm_message_t;

typedef struct wasm_valtype_vec_t {
	size_t size;
	wasm_valtype_t **data;
} wasm_valtype_vec_t;

typedef uint8_t wasm_valkind_t;
enum { WASM_I32 = 0 };

typedef uint8_t wasm_mutability_t;
enum { WASM_CONST = 0, WASM_VAR = 1 };

typedef uint8_t wasmtime_opt_level_t;
enum { WASMTIME_OPT_LEVEL_NONE, WASMTIME_OPT_LEVEL_SPEED };

typedef uint8_t wasmtime_trap_code_t;
enum {
	WASMTIME_TRAP_CODE_STACK_OVERFLOW = 0,
	WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS = 1,
	WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED = 9,
};

typedef struct wasmtime_func {
	uint64_t store_id;
	void *__private;
} wasmtime_func_t;

typedef struct wasmtime_memory {
	struct {
		uint64_t store_id;
		uint32_t __private1;
	};
	uint32_t __private2;
} wasmtime_memory_t;

typedef struct wasmtime_table {
	struct {
		uint64_t store_id;
		uint32_t __private1;
	};
	uint32_t __private2;
} wasmtime_table_t;

typedef struct wasmtime_global {
	uint64_t store_id;
	uint32_t __private1;
	uint32_t __private2;
	uint32_t __private3;
} wasmtime_global_t;

typedef struct wasmtime_tag {
	struct {
		uint64_t store_id;
		uint32_t __private1;
	};
	uint32_t __private2;
} wasmtime_tag_t;

typedef struct wasmtime_externref {
	uint64_t store_id;
	uint32_t __private1;
	uint32_t __private2;
	void *__private3;
} wasmtime_externref_t;

typedef struct wasmtime_instance {
	uint64_t store_id;
	size_t __private;
} wasmtime_instance_t;

typedef uint8_t wasmtime_extern_kind_t;
#define WASMTIME_EXTERN_FUNC 0
#define WASMTIME_EXTERN_GLOBAL 1
#define WASMTIME_EXTERN_TABLE 2
#define WASMTIME_EXTERN_MEMORY 3
#define WASMTIME_EXTERN_TAG 5

typedef union wasmtime_extern_union {
	wasmtime_func_t func;
	wasmtime_global_t global;
	wasmtime_table_t table;
	wasmtime_memory_t memory;
	wasmtime_tag_t tag;
} wasmtime_extern_union_t;

typedef struct wasmtime_extern {
	wasmtime_extern_kind_t kind;
	wasmtime_extern_union_t of;
} wasmtime_extern_t;

typedef uint8_t wasmtime_valkind_t;
#define WASMTIME_I32 0
#define WASMTIME_FUNCREF 5

typedef union wasmtime_valunion {
	int32_t i32;
	wasmtime_func_t funcref;
	uint64_t room[3]; /* the largest members, references to objects, have three words */
} wasmtime_valunion_t;

typedef struct wasmtime_val {
	wasmtime_valkind_t kind;
	wasmtime_valunion_t of;
} wasmtime_val_t;

typedef union wasmtime_val_raw {
	int32_t i32;
	int64_t i64;
	uint8_t v128[16];
	void *funcref;
} wasmtime_val_raw_t;

typedef wasm_trap_t *(*wasmtime_func_unchecked_callback_t)(void *env, wasmtime_caller_t *caller,
	wasmtime_val_raw_t *args_and_results, size_t num_args_and_results);

#endif /* WASMTIME_ABI_PROTOTYPES_ONLY */

wasm_config_t *wasm_config_new(void);
void wasmtime_config_async_stack_size_set(wasm_config_t *, uint64_t);
void wasmtime_config_cranelift_opt_level_set(wasm_config_t *, wasmtime_opt_level_t);
void wasmtime_config_cranelift_flag_set(wasm_config_t *, const char *key, const char *value);
void wasmtime_config_macos_use_mach_ports_set(wasm_config_t *, bool);
void wasmtime_config_max_wasm_stack_set(wasm_config_t *, size_t);
void wasmtime_config_memory_guard_size_set(wasm_config_t *, uint64_t);
void wasmtime_config_memory_init_cow_set(wasm_config_t *, bool);
void wasmtime_config_memory_may_move_set(wasm_config_t *, bool);
void wasmtime_config_memory_reservation_set(wasm_config_t *, uint64_t);
void wasmtime_config_native_unwind_info_set(wasm_config_t *, bool);
void wasmtime_config_parallel_compilation_set(wasm_config_t *, bool);
void wasmtime_config_signals_based_traps_set(wasm_config_t *, bool);
void wasmtime_config_wasm_exceptions_set(wasm_config_t *, bool);
void wasmtime_config_wasm_simd_set(wasm_config_t *, bool);
void wasmtime_config_wasm_threads_set(wasm_config_t *, bool);

wasm_engine_t *wasm_engine_new_with_config(wasm_config_t *);
void wasm_engine_delete(wasm_engine_t *);

void wasmtime_error_message(const wasmtime_error_t *, wasm_name_t *message);
void wasmtime_error_delete(wasmtime_error_t *);

void wasm_byte_vec_delete(wasm_byte_vec_t *);
wasm_valtype_t *wasm_valtype_new(wasm_valkind_t);
void wasm_valtype_vec_new(wasm_valtype_vec_t *out, size_t, wasm_valtype_t *const[]);
wasm_functype_t *wasm_functype_new(wasm_valtype_vec_t *params, wasm_valtype_vec_t *results);
void wasm_functype_delete(wasm_functype_t *);
wasm_globaltype_t *wasm_globaltype_new(wasm_valtype_t *, wasm_mutability_t);
void wasm_globaltype_delete(wasm_globaltype_t *);

wasmtime_linker_t *wasmtime_linker_new(wasm_engine_t *);
void wasmtime_linker_delete(wasmtime_linker_t *);
wasmtime_error_t *wasmtime_linker_define_func_unchecked(wasmtime_linker_t *, const char *module,
	size_t module_len, const char *name, size_t name_len, const wasm_functype_t *,
	wasmtime_func_unchecked_callback_t, void *data, void (*finalizer)(void *));
wasmtime_error_t *wasmtime_linker_instantiate_pre(const wasmtime_linker_t *, const wasmtime_module_t *,
	wasmtime_instance_pre_t **);
void wasmtime_instance_pre_delete(wasmtime_instance_pre_t *);
wasmtime_error_t *wasmtime_instance_pre_instantiate(const wasmtime_instance_pre_t *, wasmtime_context_t *,
	wasmtime_instance_t *, wasm_trap_t **);
wasmtime_error_t *wasmtime_instance_new(wasmtime_context_t *, const wasmtime_module_t *,
	const wasmtime_extern_t *imports, size_t nimports, wasmtime_instance_t *, wasm_trap_t **);
bool wasmtime_instance_export_get(wasmtime_context_t *, const wasmtime_instance_t *, const char *name,
	size_t name_len, wasmtime_extern_t *);

wasmtime_error_t *wasmtime_module_new(wasm_engine_t *, const uint8_t *wasm, size_t wasm_len,
	wasmtime_module_t **);
wasmtime_error_t *wasmtime_module_serialize(wasmtime_module_t *, wasm_byte_vec_t *);
wasmtime_error_t *wasmtime_module_deserialize(wasm_engine_t *, const uint8_t *bytes, size_t len, wasmtime_module_t **);
wasmtime_error_t *wasmtime_module_deserialize_file(wasm_engine_t *, const char *path, wasmtime_module_t **);
void wasmtime_module_image_range(const wasmtime_module_t *, void **start, void **end);
void wasmtime_module_delete(wasmtime_module_t *);

wasmtime_store_t *wasmtime_store_new(wasm_engine_t *, void *data, void (*finalizer)(void *));
wasmtime_context_t *wasmtime_store_context(wasmtime_store_t *);
void wasmtime_store_limiter(wasmtime_store_t *, int64_t memory_size, int64_t table_elements, int64_t instances,
	int64_t tables, int64_t memories);
void wasmtime_store_delete(wasmtime_store_t *);

bool wasmtime_externref_new(wasmtime_context_t *, void *data, void (*finalizer)(void *), wasmtime_externref_t *out);
void wasmtime_externref_unroot(wasmtime_externref_t *);

uint8_t *wasmtime_memory_data(const wasmtime_context_t *, const wasmtime_memory_t *);
size_t wasmtime_memory_data_size(const wasmtime_context_t *, const wasmtime_memory_t *);
wasmtime_error_t *wasmtime_global_new(wasmtime_context_t *, const wasm_globaltype_t *, const wasmtime_val_t *,
	wasmtime_global_t *);
wasmtime_error_t *wasmtime_table_set(wasmtime_context_t *, const wasmtime_table_t *, uint64_t index,
	const wasmtime_val_t *);
wasmtime_error_t *wasmtime_func_call(wasmtime_context_t *, const wasmtime_func_t *, const wasmtime_val_t *args,
	size_t nargs, wasmtime_val_t *results, size_t nresults, wasm_trap_t **);

wasm_trap_t *wasmtime_trap_new(const char *msg, size_t msg_len);
bool wasmtime_trap_code(const wasm_trap_t *, wasmtime_trap_code_t *);
void wasm_trap_message(const wasm_trap_t *, wasm_message_t *out);
void wasm_trap_delete(wasm_trap_t *);

#endif /* WASMTIME_ABI_H */
