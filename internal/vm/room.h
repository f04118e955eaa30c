/*
 * What the system must still have to give before and behind a new instance. Neither Go's runtime nor wasmtime's allocator can be
 * refused anything: each ends the program. So an instance is refused first.
 */
#ifndef ROOM_H
#define ROOM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* vm_spare_addresses tells whether so many bytes of address space are left. */
bool vm_spare_addresses(uint64_t bytes);

/* vm_count_addresses returns how many ranges of the given size are left, at most max and 256. */
unsigned vm_count_addresses(uint64_t bytes, unsigned max);

/*
 * vm_prove_threads returns 0 if the program may have so many more threads of instances at once, and the spare ones behind them,
 * else an errno. It has them for a moment, and vm_take_thread believes it afterwards.
 */
int vm_prove_threads(unsigned n, unsigned spare);

/*
 * vm_take_thread returns 0 if a thread may be made and so many spare ones are left behind it, else an errno. For each 0
 * vm_give_thread is called when the thread is about to end or could not be made.
 */
int vm_take_thread(unsigned spare);
void vm_give_thread(void);

/* vm_thread_create is pthread_create after vm_take_thread. */
int vm_thread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

#endif /* ROOM_H */
