//go:build (linux || darwin) && (amd64 || arm64)

/*
 * Traps of native code: a fault or an undefined instruction in the guest's text. The handler notes
 * why, and has the thread leave the guest. The handlers are the program's: they are installed with
 * the first module and stay, and pass on what is not a guest's to whoever had the signal before.
 */
#define _GNU_SOURCE
#include "native_signal.h"
#include "context.h"
#include "instance.h"
#include "native_image.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

static struct sigaction before[NSIG]; /* what was installed for the signals of traps */

_Noreturn void vm_leave_guest(void)
{
	siglongjmp(*vm_self->native.jump, 1);
}

/* take_frames notes the calls that led to a trap. */
static void take_frames(struct vm_instance *i, const ucontext_t *c)
{
	uint64_t saved[WASM_SAVED];

	context_saved(c, saved);
	i->native.frame_count = i->module->native->image.info->frames(saved, context_sp(c), context_pc(c), i->native.frames,
		sizeof i->native.frames / sizeof *i->native.frames);
}

static void pass_on(int sig, siginfo_t *info, void *context)
{
	const struct sigaction *b = &before[sig];

	if (b->sa_flags & SA_SIGINFO)
		b->sa_sigaction(sig, info, context);
	else if (b->sa_handler != SIG_DFL && b->sa_handler != SIG_IGN)
		b->sa_handler(sig);
	else
		signal(sig, SIG_DFL);
}

/*
 * on_trap has a guest that trapped go to vm_leave_guest, on the stack where it was entered: its own
 * may be used up.
 */
static void on_trap(int sig, siginfo_t *info, void *context)
{
	struct vm_instance *i = vm_self;
	uintptr_t pc = context_pc(context), at = (uintptr_t)info->si_addr;

	if (i == NULL || !i->native.running || !vm_in_guest(i, pc)) {
		pass_on(sig, info, context);
		return;
	}
	if (sig == SIGILL || sig == SIGTRAP)
		i->native.trap = wasm_trap_of((const void *)pc);
	else if (at >= (uintptr_t)i->mapping && at < (uintptr_t)i->mapping + VM_GUARD)
		i->native.trap = WASM_TRAP_STACK_OVERFLOW;
	else
		i->native.trap = WASM_TRAP_MEMORY_OUT_OF_BOUNDS;
	if (i->native.trap != WASM_TRAP_STACK_OVERFLOW && !__atomic_load_n(&i->killed, __ATOMIC_RELAXED))
		take_frames(i, context);
	context_call(context, vm_leave_guest, i->native.leave_stack);
}

int vm_catch_traps(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
	static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
	static bool done;
	struct sigaction s = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	int error = 0;

	sigfillset(&s.sa_mask);
	pthread_mutex_lock(&mu);
	for (size_t k = 0; !done && error == 0 && k < sizeof signals / sizeof *signals; k++)
		error = sigaction(signals[k], &s, &before[signals[k]]) != 0 ? errno : 0;
	done = error == 0;
	pthread_mutex_unlock(&mu);
	return error;
}
