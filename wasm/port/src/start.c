/*
 * Where a process begins: it tells the kernel where its signal words are,
 * fetches its arguments and environment, and becomes an ordinary C program.
 */
#include <errno.h>
#include <stdlib.h>
#include "guest_barrier.h"
#include "host.h"
#include "libc.h"
#include "pthread_impl.h"

int __main_argc_argv(int, char **);
void __wasm_call_ctors(void);

uintptr_t __wasm_tp;
volatile int __thread_list_lock;
static struct pthread self;

/* In the place of musl's src/env/__init_tls.c: one thread, no thread-local
 * storage. */
void __init_tls(size_t *aux)
{
	__wasm_tp = (uintptr_t)&self;
	self.self = self.next = self.prev = &self;
	self.detach_state = DT_JOINABLE;
	self.tid = __host_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
	self.locale = &libc.global_locale;
	self.robust_list.head = &self.robust_list.head;
}

int pthread_create(pthread_t *restrict t, const pthread_attr_t *restrict attr,
	void *(*run)(void *), void *restrict arg)
{
	return ENOSYS;
}

__attribute__((__export_name__("_start"))) void _start(void)
{
	__host_syscall(SYS_sigreg, (long)&__sigwords, 0, 0, 0, 0, 0);

	long size = __host_syscall(SYS_args, 0, 0, 0, 0, 0, 0);
	uintptr_t *args = malloc(size);
	if (!args || __host_syscall(SYS_args, (long)args, size, 0, 0, 0, 0) != size)
		a_crash();

	int argc = args[0];
	char **argv = (char **)(args + 1);
	__init_libc(argv + argc + 1, argv[0]);
	__guest_weak_memory = !(__hwcap & GUEST_HWCAP_TSO);
	__wasm_call_ctors();
	exit(__main_argc_argv(argc, argv));
}
