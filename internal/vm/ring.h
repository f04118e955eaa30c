/*
 * The guest's end of a connection within the program: two byte rings in memory. struct ring mirrors ring.Header and
 * these functions the methods of ring.Guest (internal/ring, whose package comment has the rules); layout.go compares
 * sizes and offsets at compile time. All accesses to shared words are sequentially consistent.
 */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { RING_SIZE = 64 << 10, RING_SPIN_MAX = 50000, RING_MAX_PENALTY = 255 };

struct ring_half {
	_Alignas(64) uint32_t tail; /* bytes ever written */
	_Alignas(64) uint32_t head; /* bytes ever read */
	_Alignas(64) uint32_t flags;
	uint32_t waits;
};

struct ring {
	struct ring_half half[2];
	int32_t bell[2];
	struct {
		uint32_t shortly, skip, penalty;
	} spin; /* of the guest's side; internal/ring/spin.go explains */
	uint32_t max_spinning; /* sides that may look at once */
	int64_t rang;          /* when the program's bell was last rung, in ns of CLOCK_MONOTONIC */
	uint32_t unused[8];
	uint8_t data[2][RING_SIZE];
};

enum { RING_TO_GUEST = 0, RING_TO_PROGRAM = 1 };
enum { RING_EOF = 1, RING_GONE = 2, RING_RESET = 4 };
enum { RING_READER_WAITS = 1, RING_WRITER_WAITS = 2, RING_READER_HOLDS = 4 };

/* What Go compares with ring.Header. */
enum {
	RING_HEADER_SIZE = offsetof(struct ring, data),
	RING_HALF_SIZE = sizeof(struct ring_half),
	RING_AT_BELL = offsetof(struct ring, bell),
	RING_AT_SPIN = offsetof(struct ring, spin),
	RING_AT_RANG = offsetof(struct ring, rang),
	RING_AT_MAX_SPINNING = offsetof(struct ring, max_spinning),
	RING_HALF_AT_TAIL = offsetof(struct ring_half, tail),
	RING_HALF_AT_HEAD = offsetof(struct ring_half, head),
	RING_HALF_AT_FLAGS = offsetof(struct ring_half, flags),
	RING_HALF_AT_WAITS = offsetof(struct ring_half, waits),
};

static inline uint32_t ring_load(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

static inline bool ring_empty(const struct ring_half *h) { return ring_load(&h->tail) == ring_load(&h->head); }

static inline bool ring_full(const struct ring_half *h) { return ring_load(&h->tail) - ring_load(&h->head) == RING_SIZE; }

/* ring_wakes tells that the side who sleeps on half h and is to be woken. */
static inline bool ring_wakes(struct ring_half *h, uint32_t who)
{
	return (ring_load(&h->waits) & who) != 0 && (__atomic_fetch_and(&h->waits, ~who, __ATOMIC_SEQ_CST) & who) != 0;
}

/* ring_put copies as much of p as there is room for. The reader is then to be woken if it sleeps. */
static inline uint32_t ring_put(struct ring *r, const uint8_t *p, uint32_t n)
{
	struct ring_half *h = &r->half[RING_TO_PROGRAM];
	uint8_t *data = r->data[RING_TO_PROGRAM];
	uint32_t tail = ring_load(&h->tail);
	uint32_t room = RING_SIZE - (tail - ring_load(&h->head));

	if (n > room)
		n = room;
	if (n == 0)
		return 0;
	uint32_t at = tail % RING_SIZE, first = RING_SIZE - at < n ? RING_SIZE - at : n;
	memcpy(data + at, p, first);
	memcpy(data, p + first, n - first);
	__atomic_store_n(&h->tail, tail + n, __ATOMIC_SEQ_CST);
	return n;
}

/* ring_get copies out at most n bytes; peek leaves them there. *wake: the writer's bell is to be rung. */
static inline uint32_t ring_get(struct ring *r, uint8_t *p, uint32_t n, bool peek, bool *wake)
{
	struct ring_half *h = &r->half[RING_TO_GUEST];
	const uint8_t *data = r->data[RING_TO_GUEST];
	uint32_t head = ring_load(&h->head);
	uint32_t used = ring_load(&h->tail) - head;

	if (n > used)
		n = used;
	if (n == 0)
		return 0;
	uint32_t at = head % RING_SIZE, first = RING_SIZE - at < n ? RING_SIZE - at : n;
	memcpy(p, data + at, first);
	memcpy(p + first, data, n - first);
	if (peek)
		return n;
	__atomic_store_n(&h->head, head + n, __ATOMIC_SEQ_CST);
	if (used - n <= RING_SIZE / 2)
		*wake = ring_wakes(h, RING_WRITER_WAITS);
	return n;
}

#endif /* RING_H */
