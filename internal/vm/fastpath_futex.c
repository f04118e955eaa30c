//go:build linux

/*
 * The fast path's futex, the waiter's side of the agreement in fastpath.h with WAIT_FUTEX; and
 * kill, the poster's side.
 */
#include "fastpath_linux.h"

#include <linux/futex.h>

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
 * wait_words sleeps until word is woken (0), or something else happened that the caller must look
 * at (-EAGAIN), or the monotonic deadline has passed (-ETIMEDOUT). It does not sleep if a word no
 * longer holds its value. The object is the last element: the host returns the last that was
 * woken, so its wake is never lost to a signal that comes at the same time.
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
int32_t fp_futex(struct fastpath *l, struct guest_memory *m, const int32_t *a)
{
	bool private = a[1] & GUEST_FUTEX_PRIVATE;
	int op = a[1] & ~GUEST_FUTEX_PRIVATE;
	if (op == (GUEST_FUTEX_WAIT | GUEST_FUTEX_CLOCK_REALTIME))
		op = GUEST_FUTEX_WAIT; /* the timeout is relative: either clock measures it */
	if (op != GUEST_FUTEX_WAIT && op != GUEST_FUTEX_WAKE)
		return ASK;
	uint32_t *word = guest(m, (uint32_t)a[0], 4);
	if (word == NULL)
		return -EFAULT;
	if (a[0] & 3)
		return -EINVAL;
	if (op == GUEST_FUTEX_WAKE)
		return (int32_t)sys3(SYS_futex, (long)word, FUTEX_WAKE | (private ? FUTEX_PRIVATE_FLAG : 0), a[2]);

	uint32_t val = (uint32_t)a[2];
	uint32_t *pending = (uint32_t *)l->sig;
	struct timespec t, deadline, *until = NULL;
	int32_t r;
	if (a[3] != 0) {
		if ((r = fp_get_timespec(m, a[3], &t)) != 0)
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
 * post serves kill of one other process by a signal that is none of the kernel's own business:
 * PostgreSQL wakes latches with SIGURG and sends SIGUSR1 for the rest.
 */
int32_t fp_kill(struct fastpath *l, int32_t pid, int32_t sig)
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
