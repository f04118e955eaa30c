/*
 * wasmtime, the engine that runs any module: it compiles it here. With side.c and wasmtime_abi.h
 * this is all that knows wasmtime in C (package comment, "the seam").
 */
#define _GNU_SOURCE
#include "instance.h"
#include "room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

enum { TEXT_MAX = 8 << 10 }; /* of an error, in bytes */

/* ---- errors ---- */

static char *copy_text(wasm_byte_vec_t *text)
{
	size_t n = text->size < TEXT_MAX ? text->size : TEXT_MAX;
	char *s = malloc(n + 1);
	if (s != NULL) {
		memcpy(s, text->data, n);
		while (n > 0 && s[n - 1] == 0)
			n--;
		s[n] = 0;
	}
	wasm_byte_vec_delete(text);
	return s;
}

char *vm_error_text(wasmtime_error_t *error)
{
	wasm_byte_vec_t text;
	wasmtime_error_message(error, &text);
	wasmtime_error_delete(error);
	return copy_text(&text);
}

/* ---- the functions a guest imports ---- */

static uint64_t memory_grown(struct guest_memory *m)
{
	struct vm_instance *i = (struct vm_instance *)((char *)m - offsetof(struct vm_instance, memory));
	return m->size = wasmtime_memory_data_size(i->context, &i->export);
}

/* call_syscall is env.syscall(nr, a, b, c, d, e, f). */
static wasm_trap_t *call_syscall(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *v, size_t n)
{
	struct vm_instance *i = vm_self;
	int32_t a[6] = {v[1].i32, v[2].i32, v[3].i32, v[4].i32, v[5].i32, v[6].i32};
	int64_t r;

	(void)env, (void)caller, (void)n;
	if (__builtin_expect(i->linking, 0))
		return wasmtime_trap_new("a system call while a module is put into the process", 53);
	__atomic_store_n(&i->calling, 1, __ATOMIC_RELAXED);
	if (!fastpath_serve(&i->fast, &i->memory, v[0].i32, a, &v[0].i32)) {
		r = vmSyscall(i->slot, memory_grown(&i->memory), v[0].i32, a);
		if (r > INT32_MAX) {
			i->done = true;
			return wasmtime_trap_new("done", 4);
		}
		v[0].i32 = (int32_t)r;
	}
	__atomic_store_n(&i->calling, 0, __ATOMIC_RELAXED);
	if (__builtin_expect(__atomic_load_n(&i->killed, __ATOMIC_RELAXED), 0))
		return wasmtime_trap_new("killed", 6);
	return NULL;
}

/* call_stackdepth is env.stackdepth(): the bytes of native stack in use. */
static wasm_trap_t *call_stackdepth(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *v, size_t n)
{
	(void)env, (void)caller, (void)n;
	v[0].i32 = (int32_t)(vm_self->stack_top - (uintptr_t)__builtin_frame_address(0));
	return NULL;
}

static void define(wasmtime_linker_t *linker, const char *name, size_t params, wasmtime_func_unchecked_callback_t f)
{
	wasm_valtype_t *in[7], *out[1] = {wasm_valtype_new(WASM_I32)};
	wasm_valtype_vec_t ins, outs;

	for (size_t k = 0; k < params; k++)
		in[k] = wasm_valtype_new(WASM_I32);
	wasm_valtype_vec_new(&ins, params, in);
	wasm_valtype_vec_new(&outs, 1, out);
	wasm_functype_t *type = wasm_functype_new(&ins, &outs);
	/* This cannot fail: the linker is empty and the names differ. */
	wasmtime_linker_define_func_unchecked(linker, "env", 3, name, strlen(name), type, f, NULL, NULL);
	wasm_functype_delete(type);
}

/* ---- the engine ---- */

static wasm_config_t *config(size_t stack, uint64_t guard)
{
	wasm_config_t *c = wasm_config_new();

	wasmtime_config_wasm_threads_set(c, true); /* atomic instructions */
	wasmtime_config_wasm_exceptions_set(c, true);
	wasmtime_config_wasm_simd_set(c, true);
	wasmtime_config_cranelift_opt_level_set(c, WASMTIME_OPT_LEVEL_SPEED);
	wasmtime_config_parallel_compilation_set(c, true);
	/*
	 * Masking of table indexes against speculation guards one guest's secrets from code that an attacker wrote.
	 * The guest here is compiled from C we know, and holds the same data as its host.
	 */
	wasmtime_config_cranelift_flag_set(c, "enable_table_access_spectre_mitigation", "false");
	wasmtime_config_cranelift_flag_set(c, "enable_heap_access_spectre_mitigation", "false");

	/*
	 * No bounds checks are compiled: the whole 4 GiB of an index are reserved, and behind them the guard covers the
	 * constant that an instruction may add. The memory then never moves.
	 */
	wasmtime_config_signals_based_traps_set(c, true);
	wasmtime_config_memory_reservation_set(c, VM_RESERVATION);
	wasmtime_config_memory_guard_size_set(c, guard);
	wasmtime_config_memory_may_move_set(c, false);
	wasmtime_config_memory_init_cow_set(c, true);

	/* Traps unwind by frame pointers; tables for a C++ unwinder would only cost time to register. */
	wasmtime_config_native_unwind_info_set(c, false);
	/* Go handles signals, not Mach exceptions: the same order of handlers as on Linux. */
	wasmtime_config_macos_use_mach_ports_set(c, false);

	/* max_wasm_stack is refused above async_stack_size, though nothing here is async. */
	wasmtime_config_async_stack_size_set(c, stack);
	wasmtime_config_max_wasm_stack_set(c, stack - HOST_STACK);
	return c;
}

struct vm_engine *vm_engine_new(size_t stack, uint64_t guard)
{
	struct vm_engine *e = calloc(1, sizeof *e);
	if (e == NULL)
		return NULL;
	e->stack = stack;
	e->guard = guard;
	pthread_mutex_init(&e->mu, NULL);
	pthread_cond_init(&e->idle, NULL);
	e->engine = wasm_engine_new_with_config(config(stack, guard));
	if (e->engine == NULL) {
		free(e);
		return NULL;
	}
	e->linker = wasmtime_linker_new(e->engine);
	define(e->linker, "syscall", 7, call_syscall);
	define(e->linker, "stackdepth", 0, call_stackdepth);
	return e;
}

void vm_engine_free(struct vm_engine *e)
{
	wasmtime_linker_delete(e->linker);
	wasm_engine_delete(e->engine);
	pthread_cond_destroy(&e->idle);
	pthread_mutex_destroy(&e->mu);
	free(e);
}

/* ---- modules ---- */

char *vm_compile(const struct vm_engine *e, const uint8_t *wasm, size_t len, wasm_byte_vec_t *artefact)
{
	wasmtime_module_t *module;
	wasmtime_error_t *error = wasmtime_module_new(e->engine, wasm, len, &module);
	if (error == NULL) {
		error = wasmtime_module_serialize(module, artefact);
		wasmtime_module_delete(module);
	}
	return error != NULL ? vm_error_text(error) : NULL;
}

/* finish makes a vm_module of a wasmtime module, which it consumes. */
static char *finish(struct vm_engine *e, wasmtime_module_t *module, bool side, struct vm_module **out)
{
	struct vm_module *m = calloc(1, sizeof *m);
	if (m == NULL) {
		wasmtime_module_delete(module);
		return strdup("out of memory");
	}
	m->engine = e;
	m->code = &vm_wasmtime;
	m->module = module;
	wasmtime_error_t *error = side ? NULL : wasmtime_linker_instantiate_pre(e->linker, module, &m->pre);
	if (error != NULL) {
		wasmtime_module_delete(module);
		free(m);
		return vm_error_text(error);
	}
	*out = m;
	return NULL;
}

char *vm_module_new(struct vm_engine *e, const char *path, bool side, struct vm_module **out)
{
	wasmtime_module_t *module;
	wasmtime_error_t *error = wasmtime_module_deserialize_file(e->engine, path, &module);
	return error != NULL ? vm_error_text(error) : finish(e, module, side, out);
}

char *vm_module_copy(struct vm_engine *e, const uint8_t *artefact, size_t len, bool side, struct vm_module **out)
{
	wasmtime_module_t *module;
	wasmtime_error_t *error = wasmtime_module_deserialize(e->engine, artefact, len, &module);
	return error != NULL ? vm_error_text(error) : finish(e, module, side, out);
}

static void free_module(struct vm_module *m)
{
	if (m->pre != NULL)
		wasmtime_instance_pre_delete(m->pre);
	wasmtime_module_delete(m->module);
	free(m);
}

void vm_module_image(const struct vm_module *m, void **start, void **end)
{
	wasmtime_module_image_range(m->module, start, end);
}

/* The text has the innermost frames only. */
char *vm_trap_text(wasm_trap_t *trap)
{
	wasm_byte_vec_t text;
	wasm_trap_message(trap, &text);
	wasm_trap_delete(trap);
	return copy_text(&text);
}

/* call runs the instance's _start and says how that ended. */
static enum vm_end call(struct vm_instance *i, wasmtime_trap_code_t *code, char **text)
{
	wasm_trap_t *trap = NULL;
	wasmtime_error_t *error = wasmtime_func_call(i->context, &i->start, NULL, 0, NULL, 0, &trap);

	if (error == NULL && trap == NULL)
		return VM_END_RETURNED;
	bool coded = trap != NULL && wasmtime_trap_code(trap, code);
	bool overflow = coded && *code == WASMTIME_TRAP_CODE_STACK_OVERFLOW;
	bool killed = __atomic_load_n(&i->killed, __ATOMIC_RELAXED);
	if (i->done || killed || overflow) {
		if (error != NULL)
			wasmtime_error_delete(error);
		else
			wasm_trap_delete(trap);
		return i->done ? VM_END_DONE : killed ? VM_END_KILLED : VM_END_STACK_OVERFLOW;
	}
	*text = error != NULL ? vm_error_text(error) : vm_trap_text(trap);
	return coded ? VM_END_TRAP : VM_END_ERROR;
}

/*
 * instantiate returns NULL or an error text; *refused: the system did not give what an instance
 * needs.
 */
static char *instantiate(struct vm_instance *i, bool *refused)
{
	wasmtime_extern_t item;
	wasm_trap_t *trap = NULL;

	wasmtime_error_t *error = wasmtime_instance_pre_instantiate(i->module->pre, i->context, &i->instance, &trap);
	*refused = error != NULL;
	if (error != NULL)
		return vm_error_text(error);
	if (trap != NULL)
		return vm_trap_text(trap);
	if (!wasmtime_instance_export_get(i->context, &i->instance, "_start", 6, &item) || item.kind != WASMTIME_EXTERN_FUNC)
		return strdup("the module exports no function _start");
	i->start = item.of.func;
	if (!wasmtime_instance_export_get(i->context, &i->instance, "memory", 6, &item) || item.kind != WASMTIME_EXTERN_MEMORY)
		return strdup("the module exports no memory");
	i->export = item.of.memory;
	i->memory.base = wasmtime_memory_data(i->context, &i->export);
	i->memory.grown = memory_grown;
	i->first_size = memory_grown(&i->memory);
	return NULL;
}

/*
 * reserve_objects has wasmtime reserve the heap of its own objects, exceptions among them, which it
 * would do when the first one is thrown: where it can not, that instance would end.
 */
static bool reserve_objects(wasmtime_context_t *context)
{
	static char any;
	wasmtime_externref_t object;

	if (!wasmtime_externref_new(context, &any, NULL, &object))
		return false;
	wasmtime_externref_unroot(&object);
	return true;
}

/*
 * make_instance makes the instance on the thread that spawns it, so that what the system refuses is
 * refused to the one who asked. 0, or an errno and an error text.
 */
static int make_instance(struct vm_instance *i, uint64_t heap, char **text)
{
	struct vm_instance *outer = vm_self;
	bool refused;

	i->store = wasmtime_store_new(i->module->engine->engine, NULL, NULL);
	i->context = wasmtime_store_context(i->store);
	vm_self = i; /* a start function of the module may run, and make no call yet */
	i->linking = true;
	*text = instantiate(i, &refused);
	i->linking = false;
	vm_self = outer;
	if (*text == NULL && !reserve_objects(i->context)) {
		*text = strdup("no address space is left for exceptions");
		refused = true;
	}
	if (*text == NULL) {
		if (heap != 0)
			wasmtime_store_limiter(i->store, (int64_t)(i->memory.size + heap), -1, -1, -1, -1);
		if (vm_spare_addresses(VM_SPARE_ADDRESSES))
			return 0;
		*text = strdup("too little address space would be left for the program");
		refused = true;
	}
	wasmtime_store_delete(i->store);
	return refused ? ENOMEM : ENOEXEC;
}

static void release(struct vm_instance *i)
{
	wasmtime_store_delete(i->store);
}

const struct vm_code vm_wasmtime = {make_instance, call, release, free_module, vm_wasmtime_link, vm_wasmtime_set_slot};
