//go:build linux

/*
 * How the fast path sleeps until a descriptor is ready: the waiter's side of the agreement in
 * fastpath.h with WAIT_POLL, and ppoll and clock_nanosleep, which are made of it.
 */
#include "fastpath_linux.h"

/*
 * block sleeps until one of h[0..n) is ready, a signal is deliverable (-EINTR) or *timeout has
 * passed (0); NULL is no timeout. h has room for one more element, the wake descriptor. Linux'
 * ppoll leaves the time that is left in *timeout, so going on after an interruption needs no
 * clock.
 */
int32_t fp_block(struct fastpath *l, struct pollfd *h, uint32_t n, struct timespec *timeout)
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
int32_t fp_ready(struct fastpath *l, int host, short events)
{
	struct pollfd h[2] = {{.fd = host, .events = events}};
	int32_t r = fp_block(l, h, 1, NULL);
	return r < 0 ? r : 0;
}

/* nanosleep serves a relative clock_nanosleep. */
int32_t fp_nanosleep(struct fastpath *l, struct guest_memory *m, const int32_t *a)
{
	struct timespec t;
	struct pollfd h[1];
	if ((a[0] != CLOCK_REALTIME && a[0] != CLOCK_MONOTONIC) || a[1] != 0)
		return ASK;
	int32_t e = fp_get_timespec(m, a[2], &t);
	if (e != 0)
		return e;
	int32_t r = fp_block(l, h, 0, &t);
	if (r == -EINTR && a[3] != 0 && (e = fp_put_timespec(m, a[3], &t)) != 0)
		return e;
	return r;
}

/* ppoll serves ppoll_time64 without a signal mask, on descriptors whose host readiness is the guest's. */
int32_t fp_ppoll(struct fastpath *l, struct guest_memory *m, const int32_t *a)
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
		if ((r = fp_get_timespec(m, a[2], &t)) != 0)
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
		r = fp_ring_wait(l, h, rings, events, n, timeout);
	} else if (timeout != NULL && t.tv_sec == 0 && t.tv_nsec == 0) {
		if (deliverable(l))
			return -EINTR;
		do
			r = (int32_t)sys4(SYS_ppoll, (long)h, n, (long)&t, 0);
		while (r == -EINTR);
	} else {
		r = fp_block(l, h, n, timeout);
	}
	if (r >= 0)
		for (uint32_t i = 0; i < n; i++)
			memcpy(g + i * sizeof *h + offsetof(struct pollfd, revents), &h[i].revents, sizeof h[i].revents);
	return r;
}
