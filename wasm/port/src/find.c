/*
 * Searching for a byte, sixteen at a time. Loads are aligned: they may begin
 * before the string and end behind it, but not in another page than a byte of it.
 */
#include <stddef.h>
#include <stdint.h>

typedef signed char bytes __attribute__((__vector_size__(16), __may_alias__));

/* A bit for each of the sixteen bytes at p that is c. */
static inline uint32_t matches(const char *p, int c)
{
	bytes v = *(const bytes *)p, w = (bytes){} + (signed char)c;
	return __builtin_wasm_bitmask_i8x16(v == w);
}

static inline const char *align(const char *s)
{
	return (const char *)((uintptr_t)s & -16);
}

size_t strlen(const char *s)
{
	const char *p = align(s);
	uint32_t found = matches(p, 0) >> (s - p);

	if (found) return __builtin_ctz(found);
	do found = matches(p += 16, 0);
	while (!found);
	return p - s + __builtin_ctz(found);
}

void *memchr(const void *src, int c, size_t n)
{
	const char *s = src, *p = align(s);
	uint32_t found;

	if (!n) return 0;
	found = matches(p, c) & -1u << (s - p);
	while (!found) {
		p += 16;
		if ((size_t)(p - s) >= n) return 0;
		found = matches(p, c);
	}
	p += __builtin_ctz(found);
	return (size_t)(p - s) < n ? (void *)p : 0;
}

char *__strchrnul(const char *s, int c)
{
	const char *p = align(s);
	uint32_t found = (matches(p, c) | matches(p, 0)) & -1u << (s - p);

	while (!found) {
		p += 16;
		found = matches(p, c) | matches(p, 0);
	}
	return (char *)p + __builtin_ctz(found);
}

char *strchrnul(const char *, int) __attribute__((__weak__, __alias__("__strchrnul")));
