/*
 * Engines, modules, and the threads that instances run on. With side.c and wasmtime_abi.h this is all that knows
 * wasmtime in C (package comment, "the seam").
 *
 * An instance lies in one mapping with its thread's stack: guard, stack, signal stack, struct vm_instance. Its fields are
 * its thread's, but for these: killed and calling, which a killer reads and writes atomically; side_count, which a
 * signal handler reads. A thread cannot free its own stack: each frees that of the one before it (leave).
 *
 * Lock: vm_engine.mu guards live and last. Nothing else is locked under it, and no guest code runs while it is held.
 */
#define _GNU_SOURCE
#include "instance.h"
#include "room.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "_cgo_export.h"

__thread struct vm_instance *vm_self;

enum {
	/*
	 * wasmtime gives each thread an alternate signal stack of at least 256 KiB unless there is one; ours saves it
	 * the work.
	 */
	SIGNAL_STACK = 256 << 10,
	GUARD = 64 << 10,       /* below the thread's stack; at least a page on every host */
	TEXT_MAX = 8 << 10,     /* of an error, in bytes */
};

/* The addresses that a memory's 32-bit index reaches. */
#define RESERVATION (1ull << 32)

/*
 * What must be left for the program when an instance has been made: Go's heap grows by 64 MiB at a time, malloc takes as much for
 * a thread, and both end the program where they get none.
 */
#define SPARE_ADDRESSES (512ull << 20)

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

static wasm_config_t *config(size_t stack, uint64_t guard, bool quick)
{
	wasm_config_t *c = wasm_config_new();

	wasmtime_config_wasm_threads_set(c, true); /* atomic instructions */
	wasmtime_config_wasm_exceptions_set(c, true);
	wasmtime_config_wasm_simd_set(c, true);
	wasmtime_config_cranelift_opt_level_set(c, quick ? WASMTIME_OPT_LEVEL_NONE : WASMTIME_OPT_LEVEL_SPEED);
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
	wasmtime_config_memory_reservation_set(c, RESERVATION);
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
	e->engine = wasm_engine_new_with_config(config(stack, guard, false));
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

char *vm_compile(const struct vm_engine *e, bool quick, const uint8_t *wasm, size_t len, wasm_byte_vec_t *artefact)
{
	wasm_engine_t *engine = quick ? wasm_engine_new_with_config(config(e->stack, e->guard, true)) : e->engine;
	wasmtime_module_t *module;
	wasmtime_error_t *error = wasmtime_module_new(engine, wasm, len, &module);
	if (error == NULL) {
		error = wasmtime_module_serialize(module, artefact);
		wasmtime_module_delete(module);
	}
	if (quick)
		wasm_engine_delete(engine);
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

void vm_module_free(struct vm_module *m)
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

void vm_set_trap_site(struct vm_module *m, uintptr_t text_start, uintptr_t text_end, uintptr_t site)
{
	m->text_start = text_start;
	m->text_end = text_end;
	m->trap_site = site;
}

/* ---- threads ---- */

static void join(struct vm_instance *i)
{
	pthread_join(i->thread, NULL);
	munmap(i->mapping, i->mapped);
}

void vm_engine_wait(struct vm_engine *e)
{
	pthread_mutex_lock(&e->mu);
	while (e->live > 0)
		pthread_cond_wait(&e->idle, &e->mu);
	struct vm_instance *last = e->last;
	e->last = NULL;
	pthread_mutex_unlock(&e->mu);
	if (last != NULL)
		join(last);
}

/*
 * leave is the last a thread does. A thread cannot free its own stack, so each frees that of the one before it; the
 * last one is freed by vm_engine_wait, which is therefore sure that every thread is gone.
 */
static void leave(struct vm_instance *i)
{
	struct vm_engine *e = i->module->engine;

	pthread_mutex_lock(&e->mu);
	struct vm_instance *before = e->last;
	e->last = i;
	if (--e->live == 0)
		pthread_cond_broadcast(&e->idle);
	pthread_mutex_unlock(&e->mu);
	if (before != NULL)
		join(before);
	vm_give_thread();
}

/*
 * set_signals lets only those signals reach the thread that are about the thread: faults, and what Go's scheduler
 * and profiler send. Everything else goes to the program's other threads, and SIGPIPE to nobody: a
 * guest's EPIPE is the kernel's to handle.
 */
static void set_signals(void)
{
	static const int wanted[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, SIGURG, SIGPROF};
	sigset_t mask;

	sigfillset(&mask);
	for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++)
		sigdelset(&mask, wanted[k]);
#ifdef VM_KILL_SIGNAL
	sigdelset(&mask, VM_KILL_SIGNAL);
#endif
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
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
static enum vm_end call(struct vm_instance *i, const wasmtime_func_t *start, wasmtime_trap_code_t *code, char **text)
{
	wasm_trap_t *trap = NULL;
	wasmtime_error_t *error = wasmtime_func_call(i->context, start, NULL, 0, NULL, 0, &trap);

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

/* instantiate returns NULL or an error text; *refused: the system did not give what an instance needs. */
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
	memory_grown(&i->memory);
	return NULL;
}

/*
 * reserve_objects has wasmtime reserve the heap of its own objects, exceptions among them, which it would do when the first one is
 * thrown: where it can not, that instance would end.
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
 * make_instance makes the instance on the thread that spawns it, so that what the system refuses is refused to the one who asked.
 * 0, or an errno and an error text.
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
		if (vm_spare_addresses(SPARE_ADDRESSES))
			return 0;
		*text = strdup("too little address space would be left for the program");
		refused = true;
	}
	wasmtime_store_delete(i->store);
	return refused ? ENOMEM : ENOEXEC;
}

static void *run(void *arg)
{
	struct vm_instance *i = arg;
	enum vm_end end = VM_END_DONE;
	wasmtime_trap_code_t code = 0;
	char *text = NULL;

	vm_self = i;
	i->stack_top = (uintptr_t)__builtin_frame_address(0);
	stack_t alternate = {.ss_sp = (char *)i->mapping + GUARD + i->module->engine->stack, .ss_size = SIGNAL_STACK};
	sigaltstack(&alternate, NULL);
	set_signals();

	if (vmBegin(i->slot, i->memory.base, &i->fast))
		end = call(i, &i->start, &code, &text);
	vmDetach(i->slot);
	wasmtime_store_delete(i->store);
	vmEnd(i->slot, end, code, text);
	leave(i);
	return NULL;
}

/* map_instance maps, low to high: guard, stack, signal stack, instance. NULL and errno. */
static struct vm_instance *map_instance(struct vm_module *m, uint32_t slot)
{
	size_t head = (sizeof(struct vm_instance) + GUARD - 1) / GUARD * GUARD;
	size_t mapped = GUARD + m->engine->stack + SIGNAL_STACK + head;

	char *mapping = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapping == MAP_FAILED)
		return NULL;
	if (mprotect(mapping, GUARD, PROT_NONE) != 0) {
		int error = errno;
		munmap(mapping, mapped);
		errno = error;
		return NULL;
	}
#ifdef MADV_NOHUGEPAGE
	/* A few pages of a stack are ever used; a huge page would cost 2 MiB of memory for each process. */
	madvise(mapping, mapped, MADV_NOHUGEPAGE);
#endif
	struct vm_instance *i = (struct vm_instance *)(mapping + mapped - head);
	i->module = m;
	i->slot = slot;
	i->mapping = mapping;
	i->mapped = mapped;
	return i;
}

uint64_t vm_instance_size(const struct vm_engine *e)
{
	size_t head = (sizeof(struct vm_instance) + GUARD - 1) / GUARD * GUARD;

	/* wasmtime puts a guard before each memory too, and reserves as much for its own objects. */
	return 2 * (e->guard + RESERVATION + e->guard) + GUARD + e->stack + SIGNAL_STACK + head;
}

/* make_thread lets the instance run on a thread of its own. 0 or an errno. */
static int make_thread(struct vm_instance *i)
{
	struct vm_engine *e = i->module->engine;
	pthread_attr_t attr;
	sigset_t all, old;

	pthread_mutex_lock(&e->mu);
	e->live++;
	pthread_mutex_unlock(&e->mu);

	/* The thread is born with every signal blocked, as it has no signal stack yet. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	int error = pthread_attr_setstack(&attr, (char *)i->mapping + GUARD, e->stack);
	if (error == 0)
		error = vm_thread_create(&i->thread, &attr, run, i);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error != 0) {
		pthread_mutex_lock(&e->mu);
		if (--e->live == 0)
			pthread_cond_broadcast(&e->idle);
		pthread_mutex_unlock(&e->mu);
	}
	return error;
}

int vm_start(struct vm_module *m, uint32_t slot, uint64_t heap, unsigned spare, struct vm_instance **out, char **text)
{
	int error = vm_take_thread(spare);
	if (error != 0)
		return error;
	struct vm_instance *i = map_instance(m, slot);
	if (i == NULL) {
		error = errno;
		vm_give_thread();
		return error;
	}
	*out = i;
	error = make_instance(i, heap, text);
	if (error == 0) {
		error = make_thread(i);
		if (error == 0)
			return 0;
		wasmtime_store_delete(i->store);
	}
	munmap(i->mapping, i->mapped);
	vm_give_thread();
	return error;
}
