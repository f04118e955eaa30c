/*
 * What the files of the fast path on Linux share: reading guest memory, finding a descriptor, and
 * their functions for fastpath_serve (fastpath_linux.c), one for each call or family of calls.
 *
 * Guest and host agree on errno numbers, open flags, poll bits and the layout of struct pollfd;
 * pointers, struct iovec and struct timespec are converted. Host calls are made without libc
 * (syscall_linux.h), whose cancellation points and errno cost as much as the rest of a short call.
 *
 * Rules for all of them: a call is served wholly or not at all; ASK leaves no trace. Guest memory
 * is checked against its size before it is touched, and read once: what was checked is what is
 * used. No lock is taken. A call that may block blocks in fp_block, fp_ring_wait or fp_futex,
 * which watch the signals; nothing else here may sleep.
 */
#ifndef FASTPATH_LINUX_H
#define FASTPATH_LINUX_H

#define _GNU_SOURCE

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "abi_gen.h"
#include "fastpath.h"
#include "ring.h"
#include "syscall_linux.h"

enum {
	MAX_POLL = 32,       /* descriptors in one poll served here */
	MAX_IOV = 128,       /* PostgreSQL's PG_IOV_MAX (src/include/port/pg_iovec.h) */
	MAX_RW = 0x7ffff000, /* MAX_RW_COUNT of <linux/fs.h>: no transfer is longer */
};

#define SIGKILL_BIT (1u << (GUEST_SIGKILL - 1))

/* What guest and host agree on, so that it goes through as it is. */
#define AGREE(name) _Static_assert((int)GUEST_##name == (int)(name), #name)
AGREE(EINTR);
AGREE(EAGAIN);
AGREE(EFAULT);
AGREE(EINVAL);
AGREE(EPIPE);
AGREE(ECONNRESET);
AGREE(ETIMEDOUT);
AGREE(EOVERFLOW);
AGREE(POLLIN);
AGREE(POLLPRI);
AGREE(POLLOUT);
AGREE(POLLERR);
AGREE(POLLHUP);
AGREE(POLLNVAL);
AGREE(MSG_PEEK);
AGREE(MSG_DONTWAIT);
AGREE(MSG_NOSIGNAL);
AGREE(SEEK_END);
AGREE(SEEK_HOLE);
AGREE(SIGKILL);
AGREE(CLOCK_REALTIME);
AGREE(CLOCK_MONOTONIC);
AGREE(CLOCK_PROCESS_CPUTIME_ID);
AGREE(CLOCK_THREAD_CPUTIME_ID);
AGREE(CLOCK_MONOTONIC_RAW);
AGREE(CLOCK_REALTIME_COARSE);
AGREE(CLOCK_MONOTONIC_COARSE);
AGREE(CLOCK_BOOTTIME);
_Static_assert(sizeof(struct pollfd) == GUEST_SIZEOF_Pollfd && offsetof(struct pollfd, events) == GUEST_OFF_PollfdEvents &&
	offsetof(struct pollfd, revents) == GUEST_OFF_PollfdRevents, "struct pollfd");

/* ASK is what the helpers return for "ask Go"; no errno and no result has this value. */
enum { ASK = INT_MIN };

static inline bool deliverable(const struct fastpath *l)
{
	const uint32_t *w = (const uint32_t *)l->sig;
	return (__atomic_load_n(&w[0], __ATOMIC_SEQ_CST) &
		(~__atomic_load_n(&w[1], __ATOMIC_RELAXED) | SIGKILL_BIT)) != 0;
}

/* guest returns the host address of n bytes of guest memory, or NULL if they do not lie in it. */
static inline void *guest(struct guest_memory *m, uint32_t addr, uint64_t n)
{
	if (__builtin_expect(addr + n > m->size, 0) && addr + n > m->grown(m))
		return NULL;
	return m->base + addr;
}

static inline int64_t i64(int32_t lo, int32_t hi)
{
	return (int64_t)((uint64_t)(uint32_t)hi << 32 | (uint32_t)lo);
}

/* lookup returns the host descriptor of fd if its flags include want; else -1. */
static inline int lookup(const struct fastpath *l, int32_t fd, uint32_t want, uint32_t *flags)
{
	if ((uint32_t)fd >= FASTPATH_FDS)
		return -1;
	*flags = __atomic_load_n(&l->fd[fd].flags, __ATOMIC_RELAXED);
	if ((*flags & want) != want)
		return -1;
	return (int)__atomic_load_n(&l->fd[fd].host, __ATOMIC_RELAXED);
}

/* ring_of returns the ring that fd is, if it is one and its flags include want; else NULL. */
static inline struct ring *ring_of(const struct fastpath *l, int32_t fd, uint32_t want, uint32_t *flags)
{
	if (lookup(l, fd, want | FASTPATH_RING, flags) == -1)
		return NULL;
	return (struct ring *)(uintptr_t)__atomic_load_n(&l->fd[fd].host, __ATOMIC_RELAXED);
}

static inline bool at_once(const struct timespec *t) { return t != NULL && t->tv_sec == 0 && t->tv_nsec == 0; }

/* Guest structures, from and to guest memory; 0 or -errno. */
int32_t fp_get_timespec(struct guest_memory *, int32_t addr, struct timespec *);
int32_t fp_put_timespec(struct guest_memory *, int32_t addr, const struct timespec *);
int32_t fp_get_iovec(struct guest_memory *, int32_t addr, int32_t n, struct iovec *, uint64_t *total);

/* Waiting: fastpath_poll.c. */
int32_t fp_block(struct fastpath *, struct pollfd *, uint32_t n, struct timespec *timeout);
int32_t fp_ready(struct fastpath *, int host, short events);
int32_t fp_ppoll(struct fastpath *, struct guest_memory *, const int32_t *a);
int32_t fp_nanosleep(struct fastpath *, struct guest_memory *, const int32_t *a);

/* Transfers on any descriptor: fastpath_socket.c. */
int32_t fp_transfer(struct fastpath *, struct guest_memory *, const int32_t *a, bool write, int msgflags);
int32_t fp_sockio(struct fastpath *, struct guest_memory *, const int32_t *a, bool write);
int32_t fp_vector(struct fastpath *, struct guest_memory *, const int32_t *a, bool write);

/* Files: fastpath_file.c. */
int32_t fp_at(struct fastpath *, struct guest_memory *, const int32_t *a, bool write);
int32_t fp_vector_at(struct fastpath *, struct guest_memory *, const int32_t *a, bool write, bool two);
int32_t fp_seek(struct fastpath *, struct guest_memory *, const int32_t *a);
int32_t fp_file_call(struct fastpath *, int32_t fd, long nr, long b, long c, long d);

/* Futexes and signals: fastpath_futex.c. */
int32_t fp_futex(struct fastpath *, struct guest_memory *, const int32_t *a);
int32_t fp_kill(struct fastpath *, int32_t pid, int32_t sig);

/* Connections within the program: fastpath_ring.c. */
int32_t fp_ring_io(struct fastpath *, struct ring *, uint8_t *p, uint32_t n, bool write, bool wait, bool peek);
int32_t fp_ring_wait(struct fastpath *, struct pollfd *, struct ring *const *, const short *events, uint32_t n,
	struct timespec *timeout);

#endif /* FASTPATH_LINUX_H */
