#ifndef GUEST_BARRIER_H
#define GUEST_BARRIER_H

/*
 * PostgreSQL's memory barriers (patches/postgres/atomics.patch).
 *
 * WebAssembly has one barrier instruction, the strongest, and the compiler makes it
 * of every kind, and of an unlocked store with release semantics another. On x86
 * they become mfence, 6 % of the samples of pgbench -S, where a native server has
 * an empty statement: ordinary loads and stores keep their order there. So the
 * kernel says, in AT_HWCAP, whether the processor is one of that kind, and the
 * barriers ask. The question itself is an atomic load, which is an ordinary one on
 * x86, and which neither clang nor wasmtime moves other accesses across.
 */
#define GUEST_HWCAP_TSO 1 /* total store order: only a load may overtake an earlier store */

extern int __guest_weak_memory; /* not of that kind; so until _start knows better */
extern int __guest_spare;       /* to be written by nobody else */

static inline int __guest_weak(void)
{
	return __builtin_expect(__atomic_load_n(&__guest_weak_memory, __ATOMIC_SEQ_CST), 0);
}

/* guest_order keeps all accesses in order but loads behind stores. */
static inline void guest_order(void)
{
	__asm__ __volatile__("" ::: "memory");
	if (__guest_weak())
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__asm__ __volatile__("" ::: "memory");
}

/* guest_barrier keeps all accesses in order. An exchange is faster than mfence. */
static inline void guest_barrier(void)
{
	__asm__ __volatile__("" ::: "memory");
	if (__guest_weak())
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	else
		(void)__atomic_exchange_n(&__guest_spare, 0, __ATOMIC_SEQ_CST);
	__asm__ __volatile__("" ::: "memory");
}

/* guest_unlock releases a lock that is a word. */
static inline void guest_unlock(volatile int *lock)
{
	guest_order();
	*lock = 0;
}

#endif
