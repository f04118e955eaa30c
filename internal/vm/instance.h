/* What the C files of this package share about a running instance. */
#ifndef INSTANCE_H
#define INSTANCE_H

#include <pthread.h>
#include <setjmp.h>

#include "machine.h"

struct vm_engine {
	wasm_engine_t *engine;
	wasmtime_linker_t *linker;
	size_t stack;
	uint64_t guard;

	pthread_mutex_t mu;
	pthread_cond_t idle;
	long live;                /* threads that have not come to their last statement */
	struct vm_instance *last; /* the thread that ended last; it is joined by the next one, or by vm_engine_wait */
};

/* What no access may reach below a thread's stack, in bytes; at least a page on every host. */
enum { VM_GUARD = 64 << 10 };

/* The addresses that a memory's 32-bit index reaches. */
#define VM_RESERVATION (1ull << 32)

/*
 * What must be left for the program when an instance has been made: Go's heap grows by 64 MiB at a
 * time, malloc takes as much for a thread, and both end the program where they get none.
 */
#define VM_SPARE_ADDRESSES (512ull << 20)

/*
 * What runs an instance: wasmtime (wasmtime.c) or native code made ahead of time
 * (native.c).
 *
 * make makes the instance on the thread that spawns it, so that what the system refuses is refused
 * to the one who asked: 0, or an errno and perhaps an error text for the caller to free. call runs
 * its _start on its own thread and says how that ended. release frees what make made. link and
 * set_slot are vm_link and vm_set_slot; at is the side module's number.
 */
struct vm_code {
	int (*make)(struct vm_instance *, uint64_t heap, char **text);
	enum vm_end (*call)(struct vm_instance *, wasmtime_trap_code_t *code, char **text);
	void (*release)(struct vm_instance *);
	void (*free_module)(struct vm_module *);
	char *(*link)(struct vm_instance *, struct vm_module *, const struct vm_import *, size_t n, const char *names, uint32_t at);
	char *(*set_slot)(struct vm_instance *, int side, const char *name, size_t len, uint32_t slot);
};
extern const struct vm_code vm_wasmtime, vm_native;

struct vm_module {
	struct vm_engine *engine;
	const struct vm_code *code;
	struct native *native; /* of native code; the next two are NULL then */
	struct side_image *side; /* of a side module that is native code */
	wasmtime_module_t *module;
	wasmtime_instance_pre_t *pre;   /* NULL: a side module */
	uintptr_t text_start, text_end; /* of the guest's functions; 0 until a kill needs it */
	uintptr_t trap_site;            /* a trapping instruction among them; 0: none is known */
};

/* One instance and its thread. It lies in the same mapping as the thread's stack. */
struct vm_instance {
	struct fastpath fast; /* first: Go knows the instance by its fast path */
	struct guest_memory memory;
	uint64_t first_size; /* of the memory, before guest code ran */
	struct vm_module *module;
	wasmtime_store_t *store;
	wasmtime_context_t *context;
	wasmtime_instance_t instance;
	wasmtime_memory_t export;
	wasmtime_func_t start;
	struct {
		struct vm_module *module;
		wasmtime_instance_t instance;
	} sides[VM_SIDES];     /* side modules that were put into this instance */
	uint32_t side_count;   /* a signal handler reads it */
	struct {
		void *mapped;     /* the instance's state and memory */
		sigjmp_buf *jump; /* where a trap leaves the guest for */
		uintptr_t leave_stack; /* the stack to do that on */
		uintptr_t stack_low; /* below it calls of the host have no room */
		uint64_t limit; /* of the memory, in bytes */
		uint64_t frames[8]; /* of the calls that led to a trap */
		unsigned frame_count;
		int trap; /* of enum WASM_TRAP_*; or EXCEPTION, CALL_IN_START */
		bool running;
	} native;
	uintptr_t stack_top;
	uint32_t slot;
	uint32_t calling; /* 1: in a system call */
	uint32_t killed;  /* 1: traps when its call returns, or at the next signal */
	bool linking;     /* a module's start function may be running */
	bool done;        /* Go said that the last call was the last */
	pthread_t thread; /* set when vm_start returns; nobody needs it before */
	void *mapping;
	size_t mapped;
};

/*
 * The signal of kill_signal.c. qemu-user keeps the last two real-time signals for itself. macOS has
 * none of those; SIGEMT is one that its kernel never sends on these processors, and that Go neither
 * uses nor lets a program ask for.
 */
#ifdef __APPLE__
#define VM_KILL_SIGNAL SIGEMT
#elif defined __linux__
#define VM_KILL_SIGNAL (SIGRTMAX - 2)
#endif

/* vm_in_guest tells whether pc is in a function of the program or of a module that was put into the instance. */
static inline bool vm_in_guest(const struct vm_instance *i, uintptr_t pc)
{
	if (pc >= i->module->text_start && pc < i->module->text_end)
		return true;
	for (uint32_t k = __atomic_load_n(&i->side_count, __ATOMIC_ACQUIRE); k-- > 0;)
		if (pc >= i->sides[k].module->text_start && pc < i->sides[k].module->text_end)
			return true;
	return false;
}

/* vm_self is the instance whose thread this is. */
extern __thread struct vm_instance *vm_self;

/* Side modules that wasmtime runs (side.c). */
char *vm_wasmtime_link(struct vm_instance *, struct vm_module *, const struct vm_import *, size_t n, const char *names, uint32_t at);
char *vm_wasmtime_set_slot(struct vm_instance *, int side, const char *name, size_t len, uint32_t slot);

/*
 * These make a text for the caller to free of a wasmtime object, which they consume (wasmtime.c).
 */
char *vm_error_text(wasmtime_error_t *);
char *vm_trap_text(wasm_trap_t *);

#endif /* INSTANCE_H */
