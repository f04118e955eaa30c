/*
 * strtod and strtof for text as databases have it: at most 19 significant
 * digits and a power of ten of at most 27. The rest is musl's, whose long double
 * is made in software here and takes a hundred times as long; libc.mk renames
 * its functions to __musl_strtod and __musl_strtof.
 *
 * The number is w * 10^e with w below 2^64. 5^27 is below 2^63, so w * 5^e is
 * exact in 128 bits, and so are quotient and remainder of w * 2^k / 5^-e. From
 * the exact value the nearest number of 53 or 24 bits is chosen, of two that are
 * equally near the even one.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

double __musl_strtod(const char *restrict, char **restrict);
float __musl_strtof(const char *restrict, char **restrict);

enum { MAX_DIGITS = 19, MAX_POWER = 27 };

static const uint64_t power_of_5[MAX_POWER + 1] = {
	1u, 5u, 25u, 125u, 625u, 3125u, 15625u, 78125u, 390625u, 1953125u, 9765625u, 48828125u, 244140625u, 1220703125u,
	6103515625u, 30517578125u, 152587890625u, 762939453125u, 3814697265625u, 19073486328125u, 95367431640625u,
	476837158203125u, 2384185791015625u, 11920928955078125u, 59604644775390625u, 298023223876953125u,
	1490116119384765625u, 7450580596923828125u,
};

struct decimal {
	uint64_t w;
	int e;
	int negative;
	const char *end;
};

static inline int digit(char c) { return (unsigned)(c - '0') < 10; }

/* decimal reads the number in s; 0 if it is one for musl, or none. */
static int decimal(const char *s, struct decimal *d)
{
	uint64_t w = 0;
	int digits = 0, e = 0, any = 0;

	while (*s == ' ' || (unsigned)(*s - '\t') < 5) s++;
	d->negative = *s == '-';
	if (*s == '-' || *s == '+') s++;
	if (s[0] == '0' && (s[1] | 32) == 'x') return 0;
	for (; digit(*s); s++, any = 1) {
		if ((w || *s != '0') && ++digits > MAX_DIGITS) return 0;
		w = 10 * w + (*s - '0');
	}
	if (*s == '.') {
		s++;
		for (; digit(*s); s++, any = 1, e--) {
			if ((w || *s != '0') && ++digits > MAX_DIGITS) return 0;
			w = 10 * w + (*s - '0');
		}
	}
	if (!any) return 0;
	if ((*s | 32) == 'e') {
		const char *t = s + 1;
		int negative = *t == '-', x = 0;
		if (*t == '-' || *t == '+') t++;
		if (digit(*t)) {
			for (; digit(*t); t++) {
				x = 10 * x + (*t - '0');
				if (x > 1000) return 0;
			}
			e += negative ? -x : x;
			s = t;
		}
	}
	if (w && (e < -MAX_POWER || e > MAX_POWER)) return 0;
	d->w = w;
	d->e = e;
	d->end = s;
	return 1;
}

/*
 * divide returns the quotient of high:low by v, which has its highest bit set and
 * is above high, and sets *rest: Knuth, volume 2, algorithm D, with two digits of 32 bits.
 */
static uint64_t divide(uint64_t high, uint64_t low, uint64_t v, uint64_t *rest)
{
	uint64_t q[2], r = high, v1 = v >> 32, v0 = v & 0xffffffff;

	for (int i = 0; i < 2; i++) {
		uint64_t next = i == 0 ? low >> 32 : low & 0xffffffff;
		uint64_t a = r / v1, b = r % v1;
		while (a >> 32 || a * v0 > (b << 32 | next)) {
			a--;
			b += v1;
			if (b >> 32) break;
		}
		r = (r << 32 | next) - a * v;
		q[i] = a;
	}
	*rest = r;
	return q[0] << 32 | q[1];
}

/* nearest returns the number of so many bits nearest to w * 10^e; w is not 0. */
static double nearest(uint64_t w, int e, int bits)
{
	uint64_t top; /* the value's highest 64 bits, of which the first is 1 */
	int below;    /* is there something below them? */
	int scale;    /* the value is top * 2^scale, and what is below */
	int z = __builtin_clzll(w);

	w <<= z;
	if (e >= 0) {
		unsigned __int128 p = (unsigned __int128)w * power_of_5[e];
		int n = p >> 64 ? __builtin_clzll(p >> 64) : 64;
		p <<= n;
		top = p >> 64;
		below = (uint64_t)p != 0;
		scale = 64 - n - z + e;
	} else {
		uint64_t v = power_of_5[-e], rest;
		int n = __builtin_clzll(v);
		v <<= n;
		/* w / 2 is below v; the quotient has its highest bit at 62 or 63. */
		top = divide(w >> 1, w << 63, v, &rest);
		below = rest != 0;
		scale = n - 63 - z + e;
		if (!(top >> 63)) {
			top <<= 1;
			scale--;
		}
	}
	int drop = 64 - bits;
	uint64_t half = (uint64_t)1 << (drop - 1), cut = top & (2 * half - 1);
	top -= cut;
	if (cut > half || (cut == half && (below || top >> drop & 1))) {
		top += 2 * half;
		if (top == 0) {
			top = (uint64_t)1 << 63;
			scale++;
		}
	}
	/* The power of 2 is exact, and so is the product. */
	union { uint64_t i; double f; } two = { (uint64_t)(scale + 11 + 1023) << 52 };
	return (double)(int64_t)(top >> 11) * two.f;
}

double strtod(const char *restrict s, char **restrict end)
{
	static const double power_of_10[] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
		1e20, 1e21, 1e22,
	};
	struct decimal d;
	double y;

	if (!decimal(s, &d)) return __musl_strtod(s, end);
	if (end) *end = (char *)d.end;
	if (d.w == 0)
		y = 0;
	else if (d.w >> 53 == 0 && d.e >= -22 && d.e <= 22) /* both exact: one rounding */
		y = d.e < 0 ? (double)d.w / power_of_10[-d.e] : (double)d.w * power_of_10[d.e];
	else
		y = nearest(d.w, d.e, 53);
	return d.negative ? -y : y;
}

float strtof(const char *restrict s, char **restrict end)
{
	struct decimal d;
	double y;

	if (!decimal(s, &d)) return __musl_strtof(s, end);
	y = d.w == 0 ? 0 : nearest(d.w, d.e, 24);
	if (y > 0x1.fffffep127) return __musl_strtof(s, end); /* which sets errno */
	if (end) *end = (char *)d.end;
	return d.negative ? -(float)y : (float)y;
}
