/*
 * strtol and its like, over the string itself. musl's read it through a FILE, as
 * scanf does, which was 7 % of the time of a COPY of timestamps.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

/* value is the digit's, or more than any base has. */
static inline unsigned value(char c)
{
	if ((unsigned)(c - '0') < 10) return c - '0';
	if ((unsigned)((c | 32) - 'a') < 26) return (c | 32) - 'a' + 10;
	return 99;
}

/*
 * scan reads a number. limit is the largest of an unsigned type, or the size of the
 * smallest of a signed one, which is one more than that of its largest.
 */
static unsigned long long scan(const char *s, char **end, int base, unsigned long long limit)
{
	const int is_signed = !(limit & 1);
	const char *begin = s, *after = s;
	unsigned long long n = 0, most = limit;
	int negative, over = 0;

	if (base < 0 || base == 1 || base > 36) {
		errno = EINVAL;
		return 0;
	}
	while (*s == ' ' || (unsigned)(*s - '\t') < 5) s++;
	negative = *s == '-';
	if (*s == '-' || *s == '+') s++;
	if ((base == 0 || base == 16) && s[0] == '0' && (s[1] | 32) == 'x' && value(s[2]) < 16) {
		s += 2;
		base = 16;
	}
	if (base == 0) base = *s == '0' ? 8 : 10;
	if (is_signed && !negative) most--;
	for (unsigned v; (v = value(*s)) < (unsigned)base; after = ++s) {
		if (over || (n >> 58 && n > (most - v) / base)) {
			over = 1;
			continue;
		}
		n = n * base + v; /* below 2^58 no base overflows */
		over = n > most;
	}
	if (end) *end = (char *)after;
	if (after == begin) errno = EINVAL;
	if (over) {
		errno = ERANGE;
		return is_signed && negative ? -most : most;
	}
	return negative ? -n : n;
}

long strtol(const char *restrict s, char **restrict end, int base)
{
	return scan(s, end, base, 0ull + LONG_MAX + 1);
}

unsigned long strtoul(const char *restrict s, char **restrict end, int base)
{
	return scan(s, end, base, ULONG_MAX);
}

long long strtoll(const char *restrict s, char **restrict end, int base)
{
	return scan(s, end, base, 0ull + LLONG_MAX + 1);
}

unsigned long long strtoull(const char *restrict s, char **restrict end, int base)
{
	return scan(s, end, base, ULLONG_MAX);
}

intmax_t strtoimax(const char *restrict s, char **restrict end, int base)
{
	return strtoll(s, end, base);
}

uintmax_t strtoumax(const char *restrict s, char **restrict end, int base)
{
	return strtoull(s, end, base);
}
