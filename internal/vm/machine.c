/*
 * The threads that instances run on, whichever engine runs the code (struct vm_code).
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
#include "wasm2llvm.h"

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
};

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

void vm_module_free(struct vm_module *m)
{
	m->code->free_module(m);
}

void vm_set_trap_site(struct vm_module *m, uintptr_t text_start, uintptr_t text_end, uintptr_t site)
{
	m->text_start = text_start;
	m->text_end = text_end;
	m->trap_site = site;
}

static void *run(void *arg)
{
	struct vm_instance *i = arg;
	enum vm_end end = VM_END_DONE;
	wasmtime_trap_code_t code = 0;
	char *text = NULL;

	vm_self = i;
	i->stack_top = (uintptr_t)__builtin_frame_address(0);
	stack_t alternate = {.ss_sp = (char *)i->mapping + VM_GUARD + i->module->engine->stack, .ss_size = SIGNAL_STACK};
	sigaltstack(&alternate, NULL);
	set_signals();

	if (vmBegin(i->slot, i->memory.base, &i->fast))
		end = i->module->code->call(i, &code, &text);
	vmDetach(i->slot);
	i->module->code->release(i);
	vmEnd(i->slot, end, code, text);
	leave(i);
	return NULL;
}

/* map_instance maps, low to high: guard, stack, signal stack, instance. NULL and errno. */
static struct vm_instance *map_instance(struct vm_module *m, uint32_t slot)
{
	size_t head = (sizeof(struct vm_instance) + VM_GUARD - 1) / VM_GUARD * VM_GUARD;
	size_t mapped = VM_GUARD + m->engine->stack + SIGNAL_STACK + head;

	char *mapping = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapping == MAP_FAILED)
		return NULL;
	if (mprotect(mapping, VM_GUARD, PROT_NONE) != 0) {
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

/* What an instance of native code has below its memory: tables, globals, and the same of side modules. */
enum { NATIVE_STATE = 80 << 20 };

uint64_t vm_instance_size(const struct vm_engine *e, bool native)
{
	size_t head = (sizeof(struct vm_instance) + VM_GUARD - 1) / VM_GUARD * VM_GUARD;
	uint64_t thread = VM_GUARD + e->stack + SIGNAL_STACK + head;

	if (native)
		return NATIVE_STATE + WASM_RESERVE + thread;
	/* wasmtime puts a guard before each memory too, and reserves as much for its own objects. */
	return 2 * (e->guard + VM_RESERVATION + e->guard) + thread;
}

uint64_t vm_heap_size(const struct vm_instance *i)
{
	const uint64_t *size = i->module->native != NULL ? &WASM_SIZE(i->memory.base) : &i->memory.size;

	return __atomic_load_n(size, __ATOMIC_RELAXED) - i->first_size;
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
	int error = pthread_attr_setstack(&attr, (char *)i->mapping + VM_GUARD, e->stack);
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
	error = m->code->make(i, heap, text);
	if (error == 0) {
		error = make_thread(i);
		if (error == 0)
			return 0;
		m->code->release(i);
	}
	munmap(i->mapping, i->mapped);
	vm_give_thread();
	return error;
}
