//go:build linux

/*
 * The fast path on Linux. Guest and host agree on errno numbers, open flags, poll bits and the layout of struct
 * pollfd; pointers, struct iovec and struct timespec are converted. Host calls are made without libc, whose
 * cancellation points and errno cost as much as the rest of a short call.
 */
#define _GNU_SOURCE
#include "fastpath.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "ring.h"
#include "syscall_linux.h"

/* Guest system call numbers, Linux <asm-generic/unistd.h> with 64-bit times. */
enum {
	G_llseek = 62,
	G_read = 63,
	G_write = 64,
	G_readv = 65,
	G_writev = 66,
	G_pread64 = 67,
	G_pwrite64 = 68,
	G_preadv = 69,
	G_pwritev = 70,
	G_fsync = 82,
	G_fdatasync = 83,
	G_sync_file_range = 84,
	G_kill = 129,
	G_getpid = 172,
	G_sendto = 206,
	G_recvfrom = 207,
	G_fadvise64 = 223,
	G_preadv2 = 286,
	G_pwritev2 = 287,
	G_clock_gettime64 = 403,
	G_clock_nanosleep_time64 = 407,
	G_ppoll_time64 = 414,
	G_futex_time64 = 422,
};

enum {
	MAX_POLL = 32,       /* descriptors in one poll served here */
	MAX_IOV = 128,       /* PostgreSQL's PG_IOV_MAX (src/include/port/pg_iovec.h) */
	MAX_RW = 0x7ffff000, /* MAX_RW_COUNT of <linux/fs.h>: no transfer is longer */
	G_RWF_NOAPPEND = 32, /* RWF_NOAPPEND of <linux/fs.h>, Linux 6.9; musl's pwrite passes it */
};

#define SIGKILL_BIT (1u << 8)

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

/* get_timespec reads a struct timespec; 0 or -errno. Of its nanoseconds 32 bits are defined. */
static int32_t get_timespec(struct guest_memory *m, int32_t addr, struct timespec *t)
{
	int64_t sec;
	int32_t nsec;
	const char *p = guest(m, (uint32_t)addr, 16);
	if (p == NULL)
		return -EFAULT;
	memcpy(&sec, p, 8);
	memcpy(&nsec, p + 8, 4);
	if (sec < 0 || nsec < 0 || nsec >= 1000000000)
		return -EINVAL;
	t->tv_sec = sec;
	t->tv_nsec = nsec;
	return 0;
}

static int32_t put_timespec(struct guest_memory *m, int32_t addr, const struct timespec *t)
{
	int64_t v[2] = {t->tv_sec, t->tv_nsec};
	void *p = guest(m, (uint32_t)addr, sizeof v);
	if (p == NULL)
		return -EFAULT;
	memcpy(p, v, sizeof v);
	return 0;
}

/* get_iovec converts n iovecs of the guest; 0 or -errno. *total is the sum of their lengths. */
static int32_t get_iovec(struct guest_memory *m, int32_t addr, int32_t n, struct iovec *out, uint64_t *total)
{
	const char *p = guest(m, (uint32_t)addr, (uint64_t)n * 8);
	if (p == NULL)
		return -EFAULT;
	*total = 0;
	for (int32_t i = 0; i < n; i++) {
		uint32_t v[2];
		memcpy(v, p + 8 * (size_t)i, sizeof v);
		if ((out[i].iov_base = guest(m, v[0], v[1])) == NULL)
			return -EFAULT;
		out[i].iov_len = v[1];
		*total += v[1];
	}
	return *total > MAX_RW ? -EINVAL : 0;
}

/*
 * block sleeps until one of h[0..n) is ready, a signal is deliverable (-EINTR) or *timeout has passed (0); NULL is
 * no timeout. h has room for one more element, the wake descriptor. Linux' ppoll leaves the time that is left
 * in *timeout, so going on after an interruption needs no clock.
 */
static int32_t block(struct fastpath *l, struct pollfd *h, uint32_t n, struct timespec *timeout)
{
	long r;

	h[n] = (struct pollfd){.fd = l->wake_fd, .events = POLLIN};
	__atomic_store_n(&l->waiting, WAIT_POLL, __ATOMIC_SEQ_CST);
	for (;;) {
		if (deliverable(l)) {
			r = -EINTR;
			break;
		}
		r = sys4(SYS_ppoll, (long)h, n + 1, (long)timeout, 0);
		if (r == -EINTR)
			continue;
		if (r <= 0 || h[n].revents == 0)
			break;
		uint64_t count;
		sys3(SYS_read, l->wake_fd, (long)&count, sizeof count);
		if (--r > 0)
			break;
	}
	__atomic_store_n(&l->waiting, WAIT_NONE, __ATOMIC_RELEASE);
	return (int32_t)r;
}

/* ready waits for one descriptor: 0 when one of events (or an error) is there, -EINTR for a signal. */
static int32_t ready(struct fastpath *l, int host, short events)
{
	struct pollfd h[2] = {{.fd = host, .events = events}};
	int32_t r = block(l, h, 1, NULL);
	return r < 0 ? r : 0;
}

/*
 * A transfer on a stream whose host descriptor never blocks. If the guest's may, the wait happens here when the
 * host's readiness is the guest's, and a write goes on until all is written, as a blocking one does.
 */
static int32_t stream(struct fastpath *l, uint32_t flags, int host, bool write, bool wait, struct iovec *v, int n,
	uint64_t total, int msgflags)
{
	uint64_t done = 0;
	long r;

	for (;;) {
		if (flags & FASTPATH_SOCKET) {
			struct msghdr h = {.msg_iov = v, .msg_iovlen = (size_t)n};
			int f = msgflags | MSG_DONTWAIT | MSG_NOSIGNAL;
			if (n == 1 && write)
				r = sys6(SYS_sendto, host, (long)v->iov_base, (long)v->iov_len, f, 0, 0);
			else if (n == 1)
				r = sys6(SYS_recvfrom, host, (long)v->iov_base, (long)v->iov_len, f, 0, 0);
			else
				r = sys3(write ? SYS_sendmsg : SYS_recvmsg, host, (long)&h, f);
		} else if (n == 1) {
			r = sys3(write ? SYS_write : SYS_read, host, (long)v->iov_base, (long)v->iov_len);
		} else {
			r = sys3(write ? SYS_writev : SYS_readv, host, (long)v, n);
		}
		if (__builtin_expect(r >= 0, 1)) {
			done += (uint64_t)r;
			if (!write || !wait || done >= total)
				return (int32_t)done;
			while (n > 0 && (uint64_t)r >= v->iov_len) {
				r -= (long)v->iov_len;
				v++;
				n--;
			}
			v->iov_base = (char *)v->iov_base + r;
			v->iov_len -= (size_t)r;
			continue;
		}
		if (r == -EINTR)
			continue;
		if (r != -EAGAIN || !wait) {
			/* The signal that comes with EPIPE is the kernel's business. */
			if (r == -EPIPE && !(msgflags & MSG_NOSIGNAL))
				r = ASK;
			break;
		}
		if (!(flags & FASTPATH_POLL)) {
			r = ASK;
			break;
		}
		if ((r = ready(l, host, write ? POLLOUT : POLLIN)) != 0)
			break;
	}
	return done > 0 ? (int32_t)done : (int32_t)r;
}

#include "fastpath_ring.h"

/* transfer serves read, write, recv and send on one buffer. */
static int32_t transfer(struct fastpath *l, struct guest_memory *m, const int32_t *a, bool write, int msgflags)
{
	uint32_t flags;
	int host = lookup(l, a[0], write ? FASTPATH_WRITE : FASTPATH_READ, &flags);
	struct ring *r = ring_of(l, a[0], write ? FASTPATH_WRITE : FASTPATH_READ, &flags);
	if (r == NULL && (host < 0 || !(flags & (FASTPATH_FILE | FASTPATH_SOCKET | FASTPATH_PIPE))))
		return ASK;
	void *p = guest(m, (uint32_t)a[1], (uint32_t)a[2]);
	if (p == NULL)
		return -EFAULT;
	bool wait = !(flags & FASTPATH_NONBLOCK) && !(msgflags & MSG_DONTWAIT);
	if (r != NULL)
		return ring_io(l, r, p, (uint32_t)a[2] > MAX_RW ? MAX_RW : (uint32_t)a[2], write, wait, msgflags & MSG_PEEK);
	if (flags & FASTPATH_FILE) {
		long r;
		do
			r = sys3(write ? SYS_write : SYS_read, host, (long)p, (uint32_t)a[2]);
		while (r == -EINTR);
		return (int32_t)r;
	}
	struct iovec v = {p, (uint32_t)a[2]};
	if (v.iov_len > MAX_RW)
		v.iov_len = MAX_RW;
	return stream(l, flags, host, write, wait, &v, 1, v.iov_len, msgflags);
}

/* sockio serves sendto and recvfrom without an address. */
static int32_t sockio(struct fastpath *l, struct guest_memory *m, const int32_t *a, bool write)
{
	uint32_t flags;
	if (a[4] != 0 || (a[3] & ~(MSG_DONTWAIT | MSG_NOSIGNAL | (write ? 0 : MSG_PEEK))) != 0)
		return ASK;
	if (lookup(l, a[0], FASTPATH_SOCKET, &flags) < 0 && ring_of(l, a[0], 0, &flags) == NULL)
		return ASK;
	return transfer(l, m, a, write, a[3]);
}

/* vector serves readv and writev. */
static int32_t vector(struct fastpath *l, struct guest_memory *m, const int32_t *a, bool write)
{
	struct iovec v[MAX_IOV];
	uint64_t total;
	uint32_t flags;
	int host = lookup(l, a[0], write ? FASTPATH_WRITE : FASTPATH_READ, &flags);
	if (host < 0 || !(flags & (FASTPATH_FILE | FASTPATH_SOCKET | FASTPATH_PIPE)) || a[2] < 1 || a[2] > MAX_IOV)
		return ASK;
	int32_t e = get_iovec(m, a[1], a[2], v, &total);
	if (e != 0)
		return e;
	if (!(flags & FASTPATH_FILE))
		return stream(l, flags, host, write, !(flags & FASTPATH_NONBLOCK), v, a[2], total, 0);
	long r;
	do
		r = sys3(write ? SYS_writev : SYS_readv, host, (long)v, a[2]);
	while (r == -EINTR);
	return (int32_t)r;
}

/* at serves pread64 and pwrite64. */
static int32_t at(struct fastpath *l, struct guest_memory *m, const int32_t *a, bool write)
{
	uint32_t flags;
	int host = lookup(l, a[0], FASTPATH_FILE | (write ? FASTPATH_WRITE : FASTPATH_READ), &flags);
	if (host < 0)
		return ASK;
	void *p = guest(m, (uint32_t)a[1], (uint32_t)a[2]);
	if (p == NULL)
		return -EFAULT;
	long r;
	do
		r = sys4(write ? SYS_pwrite64 : SYS_pread64, host, (long)p, (uint32_t)a[2], i64(a[3], a[4]));
	while (r == -EINTR);
	return (int32_t)r;
}

/*
 * vector_at serves preadv, pwritev, and preadv2, pwritev2 with no flags but RWF_NOAPPEND, which asks for what pwrite
 * does on a descriptor that is not O_APPEND. An offset of -1 means the file's own (preadv2 and pwritev2).
 */
static int32_t vector_at(struct fastpath *l, struct guest_memory *m, const int32_t *a, bool write, bool two)
{
	struct iovec v[MAX_IOV];
	uint64_t total;
	uint32_t flags;
	int64_t off = i64(a[3], a[4]);
	if (two && ((a[5] & ~(write ? G_RWF_NOAPPEND : 0)) != 0 || off == -1))
		return ASK;
	int host = lookup(l, a[0], FASTPATH_FILE | (write ? FASTPATH_WRITE : FASTPATH_READ), &flags);
	if (host < 0 || a[2] < 1 || a[2] > MAX_IOV)
		return ASK;
	int32_t e = get_iovec(m, a[1], a[2], v, &total);
	if (e != 0)
		return e;
	long r;
	do {
		if (a[2] == 1)
			r = sys4(write ? SYS_pwrite64 : SYS_pread64, host, (long)v->iov_base, (long)v->iov_len, off);
		else
			r = sys5(write ? SYS_pwritev : SYS_preadv, host, (long)v, a[2], off, 0);
	} while (r == -EINTR);
	return (int32_t)r;
}

static int32_t seek(struct fastpath *l, struct guest_memory *m, const int32_t *a)
{
	uint32_t flags;
	int host = lookup(l, a[0], FASTPATH_FILE, &flags);
	if (host < 0)
		return ASK;
	void *p = guest(m, (uint32_t)a[3], 8);
	if (p == NULL)
		return -EFAULT;
	long r = sys3(SYS_lseek, host, i64(a[2], a[1]), a[4]);
	if (r < 0)
		return (int32_t)r;
	memcpy(p, &r, 8);
	return 0;
}

/* file_call makes a call that takes a regular file and numbers only. */
static int32_t file_call(struct fastpath *l, int32_t fd, long nr, long b, long c, long d)
{
	uint32_t flags;
	int host = lookup(l, fd, FASTPATH_FILE, &flags);
	if (host < 0)
		return ASK;
	long r;
	do
		r = sys4(nr, host, b, c, d);
	while (r == -EINTR);
	return (int32_t)r;
}

static int32_t gettime(struct guest_memory *m, const int32_t *a)
{
	struct timespec t;
	clockid_t id;
	switch (a[0]) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		id = a[0];
		break;
	case CLOCK_PROCESS_CPUTIME_ID: /* a guest process is one thread */
	case CLOCK_THREAD_CPUTIME_ID:
		id = CLOCK_THREAD_CPUTIME_ID;
		break;
	default:
		return ASK;
	}
	clock_gettime(id, &t); /* through libc: it needs no kernel */
	return put_timespec(m, a[1], &t);
}

/* nanosleep serves a relative clock_nanosleep. */
static int32_t nanosleep64(struct fastpath *l, struct guest_memory *m, const int32_t *a)
{
	struct timespec t;
	struct pollfd h[1];
	if ((a[0] != CLOCK_REALTIME && a[0] != CLOCK_MONOTONIC) || a[1] != 0)
		return ASK;
	int32_t e = get_timespec(m, a[2], &t);
	if (e != 0)
		return e;
	int32_t r = block(l, h, 0, &t);
	if (r == -EINTR && a[3] != 0 && (e = put_timespec(m, a[3], &t)) != 0)
		return e;
	return r;
}

/* ppoll serves ppoll_time64 without a signal mask, on descriptors whose host readiness is the guest's. */
static int32_t ppoll64(struct fastpath *l, struct guest_memory *m, const int32_t *a)
{
	struct pollfd h[MAX_POLL + 1];
	struct ring *rings[MAX_POLL];
	short events[MAX_POLL];
	bool any_ring = false;
	struct timespec t, *timeout = NULL;
	uint32_t n = (uint32_t)a[1];
	int32_t r;

	if (n > MAX_POLL || a[3] != 0)
		return ASK;
	char *g = guest(m, (uint32_t)a[0], (uint64_t)n * sizeof *h);
	if (g == NULL)
		return -EFAULT;
	if (a[2] != 0) {
		if ((r = get_timespec(m, a[2], &t)) != 0)
			return r;
		timeout = &t;
	}
	memcpy(h, g, n * sizeof *h);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t flags;
		h[i].revents = 0;
		rings[i] = NULL;
		if (h[i].fd < 0)
			continue;
		if ((rings[i] = ring_of(l, h[i].fd, 0, &flags)) != NULL) {
			events[i] = h[i].events;
			any_ring = true;
			continue;
		}
		if ((h[i].fd = lookup(l, h[i].fd, FASTPATH_POLL, &flags)) < 0)
			return ASK;
	}
	if (any_ring) {
		r = ring_wait(l, h, rings, events, n, timeout);
	} else if (timeout != NULL && t.tv_sec == 0 && t.tv_nsec == 0) {
		if (deliverable(l))
			return -EINTR;
		do
			r = (int32_t)sys4(SYS_ppoll, (long)h, n, (long)&t, 0);
		while (r == -EINTR);
	} else {
		r = block(l, h, n, timeout);
	}
	if (r >= 0)
		for (uint32_t i = 0; i < n; i++)
			memcpy(g + i * sizeof *h + offsetof(struct pollfd, revents), &h[i].revents, sizeof h[i].revents);
	return r;
}

/* Linux 5.16's futex_waitv(2). */
struct waitv {
	uint64_t val;
	uint64_t addr;
	uint32_t flags;
	uint32_t reserved;
};
enum {
	HOST_futex_waitv = 449,
	WAITV_U32 = 2,
	WAITV_PRIVATE = FUTEX_PRIVATE_FLAG,
	SLICE_NS = 10000000, /* without futex_waitv: how long a signal may go unseen */
};

static __thread bool no_waitv; /* the host has no futex_waitv, or forbids it */

static void add_time(struct timespec *t, const struct timespec *d)
{
	if (__builtin_add_overflow(t->tv_sec, d->tv_sec, &t->tv_sec))
		t->tv_sec = INT64_MAX;
	t->tv_nsec += d->tv_nsec;
	if (t->tv_nsec >= 1000000000 && t->tv_sec < INT64_MAX) {
		t->tv_nsec -= 1000000000;
		t->tv_sec++;
	}
}

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/*
 * wait_words sleeps until word is woken (0), or something else happened that the caller must look at (-EAGAIN), or
 * the monotonic deadline has passed (-ETIMEDOUT). It does not sleep if a word no longer holds its value.
 * The object is the last element: the host returns the last that was woken, so its wake is never lost to a
 * signal that comes at the same time.
 */
static int32_t wait_words(uint32_t *word, uint32_t val, bool private, uint32_t *pending, uint32_t old,
	const struct timespec *deadline)
{
	if (!no_waitv) {
		struct waitv v[2] = {
			{old, (uintptr_t)pending, WAITV_U32 | WAITV_PRIVATE, 0},
			{val, (uintptr_t)word, WAITV_U32 | (private ? WAITV_PRIVATE : 0), 0},
		};
		long r = sys5(HOST_futex_waitv, (long)v, 2, 0, (long)deadline, CLOCK_MONOTONIC);
		if (r != -ENOSYS && r != -EPERM)
			return r == 1 ? 0 : r == 0 || r == -EINTR ? -EAGAIN : (int32_t)r;
		no_waitv = true;
	}
	struct timespec slice, now;
	bool last = false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	slice = now;
	add_time(&slice, &(struct timespec){.tv_nsec = SLICE_NS});
	if (deadline != NULL && before(deadline, &slice)) {
		slice = *deadline;
		last = true;
	}
	/* FUTEX_WAIT_BITSET takes an absolute time. */
	long r = sys6(SYS_futex, (long)word, FUTEX_WAIT_BITSET | (private ? FUTEX_PRIVATE_FLAG : 0), val, (long)&slice, 0,
		FUTEX_BITSET_MATCH_ANY);
	if (r == -EINTR || (r == -ETIMEDOUT && !last))
		return -EAGAIN;
	return (int32_t)r;
}

/* futex64 serves FUTEX_WAIT and FUTEX_WAKE; a wait ends with -EINTR when a signal is deliverable. */
static int32_t futex64(struct fastpath *l, struct guest_memory *m, const int32_t *a)
{
	bool private = a[1] & FUTEX_PRIVATE_FLAG;
	int op = a[1] & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	if (op != FUTEX_WAIT && op != FUTEX_WAKE)
		return ASK;
	uint32_t *word = guest(m, (uint32_t)a[0], 4);
	if (word == NULL)
		return -EFAULT;
	if (a[0] & 3)
		return -EINVAL;
	if (op == FUTEX_WAKE)
		return (int32_t)sys3(SYS_futex, (long)word, FUTEX_WAKE | (private ? FUTEX_PRIVATE_FLAG : 0), a[2]);

	uint32_t val = (uint32_t)a[2];
	uint32_t *pending = (uint32_t *)l->sig;
	struct timespec t, deadline, *until = NULL;
	int32_t r;
	if (a[3] != 0) {
		if ((r = get_timespec(m, a[3], &t)) != 0)
			return r;
		clock_gettime(CLOCK_MONOTONIC, &deadline);
		add_time(&deadline, &t);
		until = &deadline;
	}
	__atomic_store_n(&l->waiting, WAIT_FUTEX, __ATOMIC_SEQ_CST);
	for (;;) {
		uint32_t old = __atomic_load_n(pending, __ATOMIC_SEQ_CST);
		if (deliverable(l)) {
			r = -EINTR;
			break;
		}
		if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != val) {
			r = -EAGAIN;
			break;
		}
		if ((r = wait_words(word, val, private, pending, old, until)) != -EAGAIN)
			break;
	}
	__atomic_store_n(&l->waiting, WAIT_NONE, __ATOMIC_RELEASE);
	return r;
}

/*
 * post serves kill of one other process by a signal that is none of the kernel's own business: PostgreSQL wakes
 * latches with SIGURG and sends SIGUSR1 for the rest.
 */
static int32_t post(struct fastpath *l, int32_t pid, int32_t sig)
{
	if (pid <= 0 || pid >= POST_SLOTS || sig < 1 || sig > 31 || sig == SIGKILL || l->table == NULL)
		return ASK;
	struct post_slot *slot = &l->table[pid];
	int32_t r = ASK;
	__atomic_add_fetch(&slot->users, 1, __ATOMIC_SEQ_CST);
	struct fastpath *to = __atomic_load_n(&slot->fast, __ATOMIC_SEQ_CST);
	if (to != NULL) {
		uint32_t *pending = (uint32_t *)to->sig;
		__atomic_or_fetch(pending, 1u << (sig - 1), __ATOMIC_SEQ_CST);
		switch (__atomic_load_n(&to->waiting, __ATOMIC_SEQ_CST)) {
		case WAIT_POLL: {
			static const uint64_t one = 1;
			sys3(SYS_write, to->wake_fd, (long)&one, sizeof one);
			break;
		}
		case WAIT_FUTEX:
			sys3(SYS_futex, (long)pending, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX);
			break;
		}
		r = 0;
	}
	__atomic_sub_fetch(&slot->users, 1, __ATOMIC_SEQ_CST);
	return r;
}

bool fastpath_serve(struct fastpath *l, struct guest_memory *m, int32_t nr, const int32_t a[6], int32_t *ret)
{
	int32_t r;

	if (__atomic_load_n(&l->sig, __ATOMIC_RELAXED) == 0 || __atomic_load_n(&l->off, __ATOMIC_RELAXED) != 0)
		return false;
	switch (nr) {
	case G_llseek:
		r = seek(l, m, a);
		break;
	case G_read:
		r = transfer(l, m, a, false, 0);
		break;
	case G_write:
		r = transfer(l, m, a, true, 0);
		break;
	case G_readv:
		r = vector(l, m, a, false);
		break;
	case G_writev:
		r = vector(l, m, a, true);
		break;
	case G_pread64:
		r = at(l, m, a, false);
		break;
	case G_pwrite64:
		r = at(l, m, a, true);
		break;
	case G_preadv:
		r = vector_at(l, m, a, false, false);
		break;
	case G_pwritev:
		r = vector_at(l, m, a, true, false);
		break;
	case G_preadv2:
		r = vector_at(l, m, a, false, true);
		break;
	case G_pwritev2:
		r = vector_at(l, m, a, true, true);
		break;
	case G_fsync:
		r = file_call(l, a[0], SYS_fsync, 0, 0, 0);
		break;
	case G_fdatasync:
		r = file_call(l, a[0], SYS_fdatasync, 0, 0, 0);
		break;
	case G_sync_file_range:
		r = file_call(l, a[0], SYS_sync_file_range, i64(a[1], a[2]), i64(a[3], a[4]), a[5]);
		break;
	case G_fadvise64:
		r = file_call(l, a[0], SYS_fadvise64, i64(a[1], a[2]), i64(a[3], a[4]), a[5]);
		break;
	case G_kill:
		r = post(l, a[0], a[1]);
		break;
	case G_getpid:
		r = l->pid;
		break;
	case G_sendto:
		r = sockio(l, m, a, true);
		break;
	case G_recvfrom:
		r = sockio(l, m, a, false);
		break;
	case G_clock_gettime64:
		r = gettime(m, a);
		break;
	case G_clock_nanosleep_time64:
		r = nanosleep64(l, m, a);
		break;
	case G_ppoll_time64:
		r = ppoll64(l, m, a);
		break;
	case G_futex_time64:
		r = futex64(l, m, a);
		break;
	default:
		return false;
	}
	if (r == ASK)
		return false;
	*ret = r;
	return true;
}
