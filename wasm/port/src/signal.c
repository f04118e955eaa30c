/*
 * Signals. The kernel sets bits in __sigwords.pending; here are the blocked
 * ones, the table of handlers, and the loop that runs them. Nothing is ever
 * interrupted between two instructions: handlers run where __run_handlers is
 * called, which is after system calls and where a program asks for it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <string.h>
#include "host.h"
#include "ksigaction.h"

#define SIGNALS 32
#define BIT(sig) (1u << ((sig) - 1))
#define UNBLOCKABLE (BIT(SIGKILL) | BIT(SIGSTOP))

/* Default action: none. Stopping a process is not supported, so the signals
 * that would are ignored too. */
#define IGNORED_BY_DEFAULT (BIT(SIGCHLD) | BIT(SIGCONT) | BIT(SIGURG) | BIT(SIGWINCH) \
	| BIT(SIGSTOP) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU))

struct sigwords __sigwords;
static struct k_sigaction actions[SIGNALS + 1];

hidden uint32_t __swap_blocked(uint32_t mask)
{
	uint32_t old = __sigwords.blocked;
	__atomic_store_n(&__sigwords.blocked, mask & ~UNBLOCKABLE, __ATOMIC_SEQ_CST);
	return old;
}

static int run_handler(int sig)
{
	struct k_sigaction act = actions[sig];

	if (act.handler == SIG_IGN) return 0;
	if (act.handler == SIG_DFL) {
		if (!(BIT(sig) & IGNORED_BY_DEFAULT))
			__host_syscall(SYS_exitsig, sig, 0, 0, 0, 0, 0);
		return 0;
	}
	if (act.flags & SA_RESETHAND) actions[sig].handler = SIG_DFL;

	int saved_errno = errno;
	uint32_t blocked = __sigwords.blocked | act.mask[0];
	if (!(act.flags & SA_NODEFER)) blocked |= BIT(sig);
	blocked = __swap_blocked(blocked);
	if (act.flags & SA_SIGINFO) {
		siginfo_t info = { .si_signo = sig, .si_code = SI_USER };
		ucontext_t context = { .uc_sigmask.__bits[0] = blocked };
		((void (*)(int, siginfo_t *, void *))act.handler)(sig, &info, &context);
	} else {
		act.handler(sig);
	}
	__swap_blocked(blocked);
	errno = saved_errno;
	return act.flags & SA_RESTART ? RAN_HANDLER : RAN_HANDLER | RAN_INTERRUPT;
}

hidden int __run_handlers(void)
{
	uint32_t due;
	int ran = 0;

	while ((due = guest_signals_due())) {
		int sig = due & BIT(SIGKILL) ? SIGKILL : __builtin_ctz(due) + 1;
		__atomic_fetch_and(&__sigwords.pending, ~BIT(sig), __ATOMIC_SEQ_CST);
		ran |= run_handler(sig);
	}
	return ran;
}

void guest_run_handlers(void)
{
	__run_handlers();
}

hidden long __local_sigaction(int sig, const void *act, void *old)
{
	if (sig < 1 || sig > SIGNALS) return -EINVAL;
	if (act && BIT(sig) & UNBLOCKABLE) return -EINVAL;
	if (old) memcpy(old, &actions[sig], sizeof actions[sig]);
	if (act) memcpy(&actions[sig], act, sizeof actions[sig]);
	return 0;
}

hidden long __local_sigprocmask(int how, const uint32_t *set, uint32_t *old)
{
	uint32_t blocked = __sigwords.blocked;

	if (old) {
		old[0] = blocked;
		old[1] = 0;
	}
	if (!set) return 0;
	switch (how) {
	case SIG_BLOCK: blocked |= set[0]; break;
	case SIG_UNBLOCK: blocked &= ~set[0]; break;
	case SIG_SETMASK: blocked = set[0]; break;
	default: return -EINVAL;
	}
	__swap_blocked(blocked);
	return 0;
}

/* sigsetjmp is a macro (patches/musl), for setjmp must be called in the function
 * that is returned to; these are its halves that deal with the mask. */
int __sigjmp_save(sigjmp_buf buf)
{
	buf->__ss[0] = __sigwords.blocked;
	return 0;
}

/* What longjmp compiles to (setjmp.c). */
_Noreturn void __wasm_longjmp(void *, int);

_Noreturn void siglongjmp(sigjmp_buf buf, int val)
{
	/* What this unblocks is handled after the jump, by the next call. */
	if (buf->__fl) __swap_blocked(buf->__ss[0]);
	__wasm_longjmp(buf, val);
}
