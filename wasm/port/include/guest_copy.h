#ifndef GUEST_COPY_H
#define GUEST_COPY_H

/*
 * Included by all of PostgreSQL and its extensions (patches/postgres/copy.patch).
 *
 * The compiler makes of memcpy and its like the instructions memory.copy and
 * memory.fill, which are slow calls out of the module: two and a half thousand of
 * them in the server, a fifth of the samples of some queries. It can be told not to
 * only together with the feature bulk-memory, and without that it takes atomic
 * instructions apart wherever setjmp is used. So copies of a few bytes, their number
 * known, are left to it, and the others call libc, whose functions copy inline.
 */
#ifndef __ASSEMBLER__
#include <string.h>

void *__guest_memcpy(void *__restrict, const void *__restrict, size_t);
void *__guest_memmove(void *, const void *, size_t);
void *__guest_memset(void *, int, size_t);

#define GUEST_FEW(n) (__builtin_constant_p(n) && (n) <= 128)
#define memcpy(d, s, n) (GUEST_FEW(n) ? __builtin_memcpy(d, s, n) : __guest_memcpy(d, s, n))
#define memmove(d, s, n) (GUEST_FEW(n) ? __builtin_memmove(d, s, n) : __guest_memmove(d, s, n))
#define memset(d, c, n) (GUEST_FEW(n) ? __builtin_memset(d, c, n) : __guest_memset(d, c, n))

/* PostgreSQL's MemSet: no loop of its own, by words of four bytes, instead. */
#undef MEMSET_LOOP_LIMIT
#define MEMSET_LOOP_LIMIT 0
#endif

#endif
