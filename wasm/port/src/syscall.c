/*
 * Every system call of the program passes here. What concerns only the process
 * itself is answered on the spot; the rest is the kernel's. On the way back,
 * signals that came meanwhile have their handlers run.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <errno.h>
#include <sys/mman.h>
#include "host.h"

/* Linux restarts a call that a handler with SA_RESTART interrupted, save those
 * that wait for time or for any of many things (signal(7)). */
static int restarts(long n, long timeout)
{
	switch (n) {
	case SYS_ppoll_time64:
	case SYS_pselect6_time64:
	case SYS_clock_nanosleep_time64:
	case SYS_nanosleep:
	case SYS_rt_sigtimedwait_time64:
	case SYS_connect:
	case SYS_sigwait:
		return 0;
	case SYS_futex:
		return !timeout;
	}
	return 1;
}

static long call(long n, long a, long b, long c, long d, long e, long f)
{
	for (;;) {
		long r = __host_syscall(n, a, b, c, d, e, f);
		if (__builtin_expect(!guest_signals_due(), 1)) return r;
		int ran = __run_handlers();
		if (r != -EINTR || ran & RAN_INTERRUPT || !restarts(n, d)) return r;
	}
}

/* A call that waits under another mask: handlers that the mask lets through run
 * before the old one is back. */
static long call_masked(uint32_t mask, long n, long a, long b, long c, long d, long e, long f)
{
	uint32_t old = __swap_blocked(mask);
	long r = guest_signals_due() ? -EINTR : __host_syscall(n, a, b, c, d, e, f);
	__run_handlers();
	__swap_blocked(old);
	__run_handlers();
	return r;
}

long __wasm_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	long r;

	switch (n) {
	case SYS_rt_sigaction:
		return __local_sigaction(a, (void *)b, (void *)c);
	case SYS_rt_sigprocmask:
		r = __local_sigprocmask(a, (void *)b, (void *)c);
		__run_handlers();
		return r;
	case SYS_rt_sigpending:
		((uint32_t *)a)[0] = __sigwords.pending;
		((uint32_t *)a)[1] = 0;
		return 0;
	case SYS_rt_sigsuspend:
		return call_masked(*(uint32_t *)a, SYS_sigwait, 0, 0, 0, 0, 0, 0);
	case SYS_ppoll_time64:
		if (d) return call_masked(*(uint32_t *)d, n, a, b, c, 0, 0, 0);
		break;
	case SYS_pselect6_time64:
		/* The sixth argument points at the address and the size of a mask. */
		if (f && *(long *)f)
			return call_masked(**(uint32_t **)f, n, a, b, c, d, e, 0);
		break;
	case SYS_mmap2:
		if (d & MAP_ANONYMOUS && !(d & (MAP_SHARED | MAP_FIXED))) return __map_private(b);
		break;
	case SYS_munmap:
		if (__unmap_private(a)) return 0;
		break;
	case SYS_set_tid_address:
	case SYS_gettid:
		n = SYS_getpid;
		break;
	case SYS_brk:
	case SYS_clone:
	case SYS_execve:
	case SYS_sigaltstack:
		return -ENOSYS;
	case SYS_mprotect:
	case SYS_madvise:
	case SYS_set_robust_list:
	case SYS_membarrier:
		/* Advice, or a promise that a single thread keeps anyway. */
		return 0;
	}
	return call(n, a, b, c, d, e, f);
}

/* The rest of libc asks for it in rare cases, and has an answer to this. */
hidden int __clone(int (*run)(void *), void *stack, int flags, void *arg, ...)
{
	return -ENOSYS;
}

pid_t guest_spawn(char *const argv[], const int fds[3], char *const envp[])
{
	return syscall(SYS_spawn, argv, fds, envp);
}
