/*
 * The lane: what C code may know of a process, and the system calls it serves from that without entering Go.
 *
 * A Go callback needs a P; a thread that was in wasm for more than about 20 us has lost its P, and in a
 * program whose goroutines keep every core busy it waits milliseconds for another. The calls served here are
 * those that a database makes all the time on plain host descriptors.
 *
 * struct lane mirrors kernel.Lane; layout.go compares sizes and offsets at compile time.
 *
 * The agreement between whoever posts a signal (Go code in package kernel, or kill here) and the waiter (this file, and package kernel's own waits), all accesses sequentially consistent:
 *
 *   waiter: store WAIT_POLL or WAIT_FUTEX to lane.waiting; look at the pending word; if a signal is deliverable
 *           do not block; else block on the object and on
 *               WAIT_POLL:  lane.wake_fd being readable (the waiter reads it empty afterwards)
 *               WAIT_FUTEX: a wake of the pending word (a private futex: the word is in the waiter's own memory)
 *           then store WAIT_NONE.
 *   poster: OR the bit into the pending word; load lane.waiting; WAIT_POLL: write wake_fd; WAIT_FUTEX: private
 *           FUTEX_WAKE of the pending word, all waiters. Doing both is harmless.
 *
 * A late wake_fd write after the wait has ended makes the next poll wake once for nothing; it looks again.
 */
#ifndef LANE_H
#define LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LANE_FDS = 1024 };

struct lane_fd {
	uint64_t host; /* a descriptor; with LANE_RING the address of a struct ring */
	uint32_t flags;
	uint32_t unused;
};

/*
 * One entry a process id of the kernel's table by which processes post signals to each other. A poster counts
 * itself in before it looks at lane, and out when it has done; the kernel, when a process ends, first clears lane
 * and then waits until users is 0. So the lane and the memory behind it are there as long as somebody posts.
 */
enum { POST_SLOTS = 65536 };

struct post_slot {
	uint32_t users;
	uint32_t unused;
	struct lane *lane; /* NULL: ask Go */
};

struct lane {
	uintptr_t sig; /* host address of the guest's words {pending, blocked}; 0: serve nothing */
	int32_t pid;
	int32_t wake_fd;
	uint32_t waiting;
	uint32_t off; /* 1: serve nothing */
	struct post_slot *table; /* POST_SLOTS entries, by process id */
	struct lane_fd fd[LANE_FDS];
};

enum { WAIT_NONE = 0, WAIT_POLL = 1, WAIT_FUTEX = 2 };

enum {
	LANE_READ = 1 << 0,
	LANE_WRITE = 1 << 1,
	LANE_FILE = 1 << 2,
	LANE_SOCKET = 1 << 3,
	LANE_PIPE = 1 << 4,
	LANE_NONBLOCK = 1 << 5,
	LANE_POLL = 1 << 6,
	LANE_RING = 1 << 7,
};

/* What Go compares with kernel.Lane. */
enum {
	LANE_SIZE = sizeof(struct lane),
	LANE_FD_SIZE = sizeof(struct lane_fd),
	LANE_AT_SIG = offsetof(struct lane, sig),
	LANE_AT_PID = offsetof(struct lane, pid),
	LANE_AT_WAKE_FD = offsetof(struct lane, wake_fd),
	LANE_AT_WAITING = offsetof(struct lane, waiting),
	LANE_AT_OFF = offsetof(struct lane, off),
	LANE_AT_TABLE = offsetof(struct lane, table),
	POST_SLOT_SIZE = sizeof(struct post_slot),
	POST_SLOT_AT_USERS = offsetof(struct post_slot, users),
	POST_SLOT_AT_LANE = offsetof(struct post_slot, lane),
	LANE_AT_FD = offsetof(struct lane, fd),
	LANE_FD_AT_HOST = offsetof(struct lane_fd, host),
	LANE_FD_AT_FLAGS = offsetof(struct lane_fd, flags),
};

/*
 * A guest's linear memory. size is a lower bound of its present size, as memory only grows; grown returns the
 * present one.
 */
struct guest_memory {
	uint8_t *base;
	uint64_t size;
	uint64_t (*grown)(struct guest_memory *);
};

/*
 * lane_serve serves system call nr with arguments a if it can: then it stores the result (or -errno) to *ret and
 * returns true. False means that nothing has happened and Go is to be asked.
 */
bool lane_serve(struct lane *, struct guest_memory *, int32_t nr, const int32_t a[6], int32_t *ret);

#endif /* LANE_H */
