//go:build linux

/*
 * The fast path on rings, connections within the program: the guest's side of the agreement that
 * internal/ring's package comment has. A side that is about to sleep first asks for the bell
 * (ring_arm), then looks once more; whoever changes the ring looks for such a request afterwards.
 * So no wake is lost, and none is sent to who is awake.
 */
#include "fastpath_linux.h"

#include <linux/futex.h>

/* ring_bell wakes a side that sleeps. */
static void ring_bell(int32_t fd)
{
	static const uint64_t one = 1;
	sys3(SYS_write, fd, (long)&one, sizeof one);
}

/* ring_ready returns those of events, and always POLLHUP, that poll would report. */
static inline short ring_ready(const struct ring *r, short events)
{
	const struct ring_half *in = &r->half[RING_TO_GUEST], *out = &r->half[RING_TO_PROGRAM];
	uint32_t in_end = ring_load(&in->flags) & (RING_EOF | RING_GONE);
	uint32_t out_end = ring_load(&out->flags) & (RING_EOF | RING_GONE);
	short e = 0;

	if (in_end || !ring_empty(in))
		e |= POLLIN;
	if (out_end || !ring_full(out))
		e |= POLLOUT;
	if (in_end)
		e |= POLLRDHUP | (out_end ? POLLHUP : 0);
	return e & (events | POLLHUP);
}

static inline void pause_thread(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

static int64_t nanoseconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ring_wake_reader wakes the program's reader if it sleeps. */
static void ring_wake_reader(struct ring *r)
{
	struct ring_half *h = &r->half[RING_TO_PROGRAM];
	uint32_t waits = ring_load(&h->waits);

	if (waits & RING_READER_WAITS) {
		__atomic_store_n(&r->rang, nanoseconds(), __ATOMIC_SEQ_CST);
		if (ring_wakes(h, RING_READER_WAITS))
			ring_bell(r->bell[RING_TO_PROGRAM]);
	} else if (waits & RING_READER_HOLDS && ring_wakes(h, RING_READER_HOLDS)) {
		sys3(SYS_futex, (long)&h->waits, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
	}
}

/*
 * ring_spin looks for events (or a signal) before a sleep, if that is likely to pay off:
 * spinner.until in internal/ring is the same for the program's side.
 */
static void ring_spin(const struct fastpath *l, struct ring *r, short events)
{
	static uint32_t spinning;

	if (!r->spin.shortly)
		return;
	if (r->spin.skip > 0) {
		r->spin.skip--;
		return;
	}
	if (__atomic_add_fetch(&spinning, 1, __ATOMIC_RELAXED) <= r->max_spinning) {
		bool came = false;
		int64_t end = nanoseconds() + RING_SPIN_MAX;
		do
			for (int k = 0; k < 20 && !came; k++) {
				pause_thread();
				came = ring_ready(r, events) || deliverable(l);
			}
		while (!came && nanoseconds() < end);
		r->spin.penalty = came ? 0 : 2 * r->spin.penalty + 1;
		if (r->spin.penalty > RING_MAX_PENALTY)
			r->spin.penalty = RING_MAX_PENALTY;
		r->spin.skip = r->spin.penalty;
	}
	__atomic_sub_fetch(&spinning, 1, __ATOMIC_RELAXED);
}

static void ring_slept(struct ring *r, int64_t since)
{
	r->spin.shortly = nanoseconds() - since < 2 * RING_SPIN_MAX;
}

/* ring_look sets the revents of rings and returns how many have some. */
static int32_t ring_look(struct pollfd *h, struct ring *const *rings, const short *events, uint32_t n)
{
	int32_t ready = 0;
	for (uint32_t i = 0; i < n; i++)
		if (rings[i] != NULL && (h[i].revents = ring_ready(rings[i], events[i])) != 0)
			ready++;
	return ready;
}

/* ring_arm asks for the bell in h; ring_ready is to be asked once more before a sleep. */
static void ring_arm(struct ring *r, short events, struct pollfd *h)
{
	*h = (struct pollfd){.fd = r->bell[RING_TO_GUEST], .events = POLLIN};
	__atomic_or_fetch(&r->half[RING_TO_GUEST].waits, RING_READER_WAITS, __ATOMIC_SEQ_CST);
	if (events & POLLOUT)
		__atomic_or_fetch(&r->half[RING_TO_PROGRAM].waits, RING_WRITER_WAITS, __ATOMIC_SEQ_CST);
}

/* ring_disarm ends a wait and empties the bell if it has rung. */
static void ring_disarm(struct ring *r, bool rung)
{
	uint64_t count;
	__atomic_and_fetch(&r->half[RING_TO_GUEST].waits, ~RING_READER_WAITS, __ATOMIC_SEQ_CST);
	__atomic_and_fetch(&r->half[RING_TO_PROGRAM].waits, ~RING_WRITER_WAITS, __ATOMIC_SEQ_CST);
	if (rung)
		sys3(SYS_read, r->bell[RING_TO_GUEST], (long)&count, sizeof count);
}

/*
 * ring_wait polls h[0..n), of which those with a ring in rings[] wait for that ring's events[]
 * instead. The result is poll's; revents are set, and must be 0 before. block explains timeout; h
 * has room for one more element.
 */
int32_t fp_ring_wait(struct fastpath *l, struct pollfd *h, struct ring *const *rings, const short *events, uint32_t n,
	struct timespec *timeout)
{
	static __thread uint32_t hurried; /* returns without a look at the host's descriptors */
	uint32_t count = 0, last = 0;
	int32_t ready, others = 0;

	for (uint32_t i = 0; i < n; i++)
		if (rings[i] != NULL) {
			h[i].fd = -1;
			last = i;
			count++;
		}
	if (deliverable(l))
		return -EINTR;
	if (count == 1 && !at_once(timeout) && ring_ready(rings[last], events[last]) == 0)
		ring_spin(l, rings[last], events[last]);
	ready = ring_look(h, rings, events, n);
	if (ready > 0 || at_once(timeout)) {
		/* A ring that always has something must not hide the others for ever. */
		if (n == count || (!at_once(timeout) && ++hurried % 16 != 0))
			return ready;
		struct timespec zero = {0, 0};
		do
			others = (int32_t)sys4(SYS_ppoll, (long)h, n, (long)&zero, 0);
		while (others == -EINTR);
		return others < 0 ? others : others + ring_look(h, rings, events, n);
	}

	int64_t since = nanoseconds();
	do {
		for (uint32_t i = 0; i < n; i++)
			if (rings[i] != NULL)
				ring_arm(rings[i], events[i], &h[i]);
		if (ring_look(h, rings, events, n) == 0)
			others = fp_block(l, h, n, timeout);
		else
			others = 0;
		for (uint32_t i = 0; i < n; i++)
			if (rings[i] != NULL) {
				/* The bell's revents, or the ring's own if there was no sleep: then the bell stays for later. */
				bool rung = others > 0 && h[i].revents != 0;
				ring_disarm(rings[i], rung);
				others -= rung;
			}
		if (others < 0)
			return others;
		ready = ring_look(h, rings, events, n);
	} while (ready + others == 0 && !at_once(timeout));
	if (count == 1 && ready > 0)
		ring_slept(rings[last], since);
	return ready + others;
}

/* ring_io serves read, write, recv and send. */
int32_t fp_ring_io(struct fastpath *l, struct ring *r, uint8_t *p, uint32_t n, bool write, bool wait, bool peek)
{
	const struct ring_half *in = &r->half[RING_TO_GUEST], *out = &r->half[RING_TO_PROGRAM];
	uint32_t done = 0;

	for (;;) {
		bool wake = false;
		if (write) {
			if (ring_load(&out->flags) & (RING_EOF | RING_GONE))
				return done > 0 ? (int32_t)done : -EPIPE;
			done += ring_put(r, p + done, n - done);
			ring_wake_reader(r);
			if (done == n || (!wait && done > 0))
				return (int32_t)done;
		} else {
			done = ring_get(r, p, n, peek, &wake);
			if (wake)
				ring_bell(r->bell[RING_TO_PROGRAM]);
			if (done > 0 || n == 0)
				return (int32_t)done;
			uint32_t flags = ring_load(&in->flags);
			if (flags & RING_GONE)
				return 0;
			if (flags & RING_EOF && ring_empty(in))
				return flags & RING_RESET ? -ECONNRESET : 0;
			if (flags & RING_EOF)
				continue;
		}
		if (!wait)
			return -EAGAIN;
		struct pollfd h[2];
		struct ring *rings[1] = {r};
		short events[1] = {write ? POLLOUT : POLLIN};
		h[0].revents = 0;
		int32_t e = fp_ring_wait(l, h, rings, events, 1, NULL);
		if (e < 0)
			return done > 0 ? (int32_t)done : e;
	}
}
