/*
 * The seam to the kernel: the one import that system calls go through, and the
 * parts of the port that the files here share.
 */
#include <signal.h>
#include <stdint.h>
#include "guest.h"
#include "syscall.h"
#include "private.h"

long __host_syscall(long, long, long, long, long, long, long)
	__attribute__((__import_module__("env"), __import_name__("syscall")));

/* signal.c */
enum {
	RAN_HANDLER = 1,  /* a handler ran */
	RAN_INTERRUPT = 2 /* ... one that was installed without SA_RESTART */
};
hidden int __run_handlers(void);
hidden uint32_t __swap_blocked(uint32_t);
hidden long __local_sigaction(int, const void *, void *);
hidden long __local_sigprocmask(int, const uint32_t *, uint32_t *);

/* heap.c */
hidden long __map_private(size_t);
hidden int __unmap_private(uintptr_t);
