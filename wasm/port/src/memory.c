/*
 * Copying, filling and comparing memory. Short lengths, the rule in a database,
 * take two overlapping moves; long ones the machine's own routine, which costs
 * a call out of the module that only a long copy repays.
 */
#include <stddef.h>
#include <stdint.h>

#define LONG_COPY 512

typedef uint16_t u16 __attribute__((__may_alias__, __aligned__(1)));
typedef uint32_t u32 __attribute__((__may_alias__, __aligned__(1)));
typedef uint64_t u64 __attribute__((__may_alias__, __aligned__(1)));
typedef uint64_t v16 __attribute__((__vector_size__(16), __may_alias__, __aligned__(1)));

/* Copies n <= 32 bytes, all loads before the stores: it may overlap. */
static inline void copy_short(char *d, const char *s, size_t n)
{
	if (n >= 16) {
		v16 a = *(v16 *)s, b = *(v16 *)(s + n - 16);
		*(v16 *)d = a;
		*(v16 *)(d + n - 16) = b;
	} else if (n >= 8) {
		u64 a = *(u64 *)s, b = *(u64 *)(s + n - 8);
		*(u64 *)d = a;
		*(u64 *)(d + n - 8) = b;
	} else if (n >= 4) {
		u32 a = *(u32 *)s, b = *(u32 *)(s + n - 4);
		*(u32 *)d = a;
		*(u32 *)(d + n - 4) = b;
	} else if (n >= 2) {
		u16 a = *(u16 *)s, b = *(u16 *)(s + n - 2);
		*(u16 *)d = a;
		*(u16 *)(d + n - 2) = b;
	} else if (n) {
		*d = *s;
	}
}

void *memcpy(void *restrict dest, const void *restrict src, size_t n)
{
	char *d = dest;
	const char *s = src;

	if (n <= 32) {
		copy_short(d, s, n);
		return dest;
	}
	if (n >= LONG_COPY) {
		__builtin_memcpy(dest, src, n);
		return dest;
	}
	v16 tail = *(v16 *)(s + n - 16);
	char *end = d + n - 16;
	for (; d < end; d += 16, s += 16) *(v16 *)d = *(v16 *)s;
	*(v16 *)end = tail;
	return dest;
}

void *memmove(void *dest, const void *src, size_t n)
{
	if (n <= 32) copy_short(dest, src, n);
	else if ((uintptr_t)dest - (uintptr_t)src >= n && n < LONG_COPY) {
		/* Forward is safe: dest is not inside src's bytes. */
		char *d = dest, *end = d + n - 16;
		const char *s = src;
		v16 tail = *(v16 *)(s + n - 16);
		for (; d < end; d += 16, s += 16) *(v16 *)d = *(v16 *)s;
		*(v16 *)end = tail;
	} else __builtin_memmove(dest, src, n);
	return dest;
}

void *memset(void *dest, int c, size_t n)
{
	char *d = dest;
	uint64_t w = 0x0101010101010101u * (unsigned char)c;

	if (n < 8) {
		if (n >= 4) {
			*(u32 *)d = w;
			*(u32 *)(d + n - 4) = w;
		} else if (n) {
			d[0] = d[n / 2] = d[n - 1] = c;
		}
		return dest;
	}
	if (n < 16) {
		*(u64 *)d = w;
		*(u64 *)(d + n - 8) = w;
		return dest;
	}
	if (n >= LONG_COPY) {
		__builtin_memset(dest, c, n);
		return dest;
	}
	v16 v = { w, w };
	char *end = d + n - 16;
	for (; d < end; d += 16) *(v16 *)d = v;
	*(v16 *)end = v;
	return dest;
}

int memcmp(const void *left, const void *right, size_t n)
{
	const unsigned char *l = left, *r = right;

	for (; n >= 8; n -= 8, l += 8, r += 8) {
		uint64_t a = *(u64 *)l, b = *(u64 *)r;
		if (a != b) {
			a = __builtin_bswap64(a);
			b = __builtin_bswap64(b);
			return a < b ? -1 : 1;
		}
	}
	for (; n; n--, l++, r++)
		if (*l != *r) return *l - *r;
	return 0;
}

/* The names of guest_copy.h, which the compiler has no opinion about. */
void *__guest_memcpy(void *restrict, const void *restrict, size_t) __attribute__((__alias__("memcpy")));
void *__guest_memmove(void *, const void *, size_t) __attribute__((__alias__("memmove")));
void *__guest_memset(void *, int, size_t) __attribute__((__alias__("memset")));
