/*
 * The fast path: what C code may know of a process, and the system calls it serves from that without entering Go.
 *
 * A Go callback needs a P; a thread that was in wasm for more than about 20 us has lost its P, and in a
 * program whose goroutines keep every core busy it waits milliseconds for another. The calls served here are
 * those that a database makes all the time on plain host descriptors.
 *
 * struct fastpath mirrors kernel.FastPath; layout.go compares sizes and offsets at compile time.
 *
 * The agreement between whoever posts a signal (Go code in package kernel, or fp_kill here) and the waiter (fp_block,
 * fp_futex, and package kernel's own waits), all accesses sequentially consistent but the
 * last store of WAIT_NONE, for which release is enough:
 *
 *   waiter: store WAIT_POLL or WAIT_FUTEX to fastpath.waiting; look at the pending word; if a signal is deliverable
 *           do not block; else block on the object and on
 *               WAIT_POLL:  fastpath.wake_fd being readable (the waiter reads it empty afterwards)
 *               WAIT_FUTEX: a wake of the pending word (a private futex: the word is in the waiter's own memory)
 *           then store WAIT_NONE.
 *   poster: OR the bit into the pending word; load fastpath.waiting; WAIT_POLL: write wake_fd; WAIT_FUTEX: private
 *           FUTEX_WAKE of the pending word, all waiters. Doing both is harmless.
 *
 * A late wake_fd write after the wait has ended makes the next poll wake once for nothing; it looks again.
 */
#ifndef FASTPATH_H
#define FASTPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FASTPATH_FDS = 1024 };

struct fastpath_fd {
	uint64_t host; /* a descriptor; with FASTPATH_RING the address of a struct ring */
	uint32_t flags;
	uint32_t unused;
};

/*
 * One entry a process id of the kernel's table by which processes post signals to each other. A
 * poster counts itself in before it looks at fast, and out when it has done; the kernel, when a
 * process ends, first clears fast and then waits until users is 0. So the fast path and the memory
 * behind it are there as long as somebody posts.
 */
enum { POST_SLOTS = 65536 };

struct post_slot {
	uint32_t users;
	uint32_t unused;
	struct fastpath *fast; /* NULL: ask Go */
};

struct fastpath {
	uintptr_t sig; /* host address of the guest's words {pending, blocked}; 0: serve nothing */
	int32_t pid;
	int32_t wake_fd;
	uint32_t waiting;
	uint32_t off; /* 1: serve nothing */
	struct post_slot *table; /* POST_SLOTS entries, by process id */
	struct fastpath_fd fd[FASTPATH_FDS];
};

enum { WAIT_NONE = 0, WAIT_POLL = 1, WAIT_FUTEX = 2 };

enum {
	FASTPATH_READ = 1 << 0,
	FASTPATH_WRITE = 1 << 1,
	FASTPATH_FILE = 1 << 2,
	FASTPATH_SOCKET = 1 << 3,
	FASTPATH_PIPE = 1 << 4,
	FASTPATH_NONBLOCK = 1 << 5,
	FASTPATH_POLL = 1 << 6,
	FASTPATH_RING = 1 << 7,
};

/* What Go compares with kernel.FastPath. */
enum {
	FASTPATH_SIZE = sizeof(struct fastpath),
	FASTPATH_FD_SIZE = sizeof(struct fastpath_fd),
	FASTPATH_AT_SIG = offsetof(struct fastpath, sig),
	FASTPATH_AT_PID = offsetof(struct fastpath, pid),
	FASTPATH_AT_WAKE_FD = offsetof(struct fastpath, wake_fd),
	FASTPATH_AT_WAITING = offsetof(struct fastpath, waiting),
	FASTPATH_AT_OFF = offsetof(struct fastpath, off),
	FASTPATH_AT_TABLE = offsetof(struct fastpath, table),
	POST_SLOT_SIZE = sizeof(struct post_slot),
	POST_SLOT_AT_USERS = offsetof(struct post_slot, users),
	POST_SLOT_AT_FAST = offsetof(struct post_slot, fast),
	FASTPATH_AT_FD = offsetof(struct fastpath, fd),
	FASTPATH_FD_AT_HOST = offsetof(struct fastpath_fd, host),
	FASTPATH_FD_AT_FLAGS = offsetof(struct fastpath_fd, flags),
};

/*
 * A guest's linear memory. size is a lower bound of its present size, as memory only grows; grown
 * returns the present one.
 */
struct guest_memory {
	uint8_t *base;
	uint64_t size;
	uint64_t (*grown)(struct guest_memory *);
};

/*
 * fastpath_serve serves system call nr with arguments a if it can: then it stores the result (or
 * -errno) to *ret and returns true. False means that nothing has happened and Go is to be asked.
 */
bool fastpath_serve(struct fastpath *, struct guest_memory *, int32_t nr, const int32_t a[6], int32_t *ret);

#endif /* FASTPATH_H */
