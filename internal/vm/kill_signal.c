//go:build (linux || darwin) && (amd64 || arm64)

/*
 * Ending an instance that runs guest code without making calls.
 *
 * The thread gets a signal. If it interrupts a function of the guest, the handler moves the program counter to an
 * instruction of the program that traps; the engine then unwinds the instance as for any trap. If it
 * interrupts anything else (a function of the engine such as memory.copy), nothing happens, and the sender tries
 * again. It is a signal handler on a thread that may hold any lock, so it takes none, and reads only what is atomic or was
 * there before the thread (text_start, text_end, trap_site, side_count). So no lock is held and no host function is half done when the instance ends. An instance in a system
 * call gets no signal; it looks at the flag when the call returns.
 */
#define _GNU_SOURCE
#include "context.h"
#include "instance.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

static struct sigaction before; /* what was installed for the signal */

static void on_signal(int sig, siginfo_t *info, void *context)
{
	struct vm_instance *i = vm_self;

	if (i != NULL && __atomic_load_n(&i->killed, __ATOMIC_SEQ_CST)) {
		if (vm_in_guest(i, context_pc(context)))
			context_set_pc(context, i->module->trap_site);
	} else if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(sig, info, context);
	} else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
		before.sa_handler(sig);
	}
}

int vm_kill(struct vm_instance *i)
{
	if (i->module->trap_site == 0)
		return ENOTSUP;
#ifdef __APPLE__
	if (i->module->native == NULL) /* wasmtime learns of traps from Mach there, and nobody has tried this */
		return ENOTSUP;
#endif
	__atomic_store_n(&i->killed, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&i->calling, __ATOMIC_SEQ_CST))
		return EAGAIN;
	return pthread_kill(i->thread, VM_KILL_SIGNAL);
}

/* Go may have taken the signal since: os/signal's Notify without a list takes all. */
int vm_kill_prepare(void)
{
	struct sigaction now, ours = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

	sigfillset(&ours.sa_mask);
	if (sigaction(VM_KILL_SIGNAL, NULL, &now) != 0)
		return errno;
	if (now.sa_sigaction == on_signal)
		return 0;
	before = now;
	return sigaction(VM_KILL_SIGNAL, &ours, NULL) != 0 ? errno : 0;
}
