/*
 * UUIDs of versions 1 and 4 (RFC 9562), behind the names of e2fsprogs' libuuid.
 *
 * There is no network card to name a node after, and no place where processes
 * could agree on a clock sequence: each process draws both, and sets the
 * multicast bit that the standard asks for then.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "uuid.h"

/* 100 ns intervals from the start of the Gregorian calendar to 1970. */
#define GREGORIAN 0x01b21dd213814000ull

static void mark(uuid_t u, int version)
{
	u[6] = (u[6] & 0x0f) | version << 4;
	u[8] = (u[8] & 0x3f) | 0x80;
}

void uuid_generate_random(uuid_t u)
{
	if (getentropy(u, sizeof(uuid_t))) __builtin_trap();
	mark(u, 4);
}

/* Not used, but configure looks for it. */
void uuid_generate(uuid_t u)
{
	uuid_generate_random(u);
}

void uuid_generate_time(uuid_t u)
{
	static unsigned char process[8]; /* clock sequence, node */
	static uint64_t last;
	struct timespec now;

	if (!last) {
		if (getentropy(process, sizeof process)) __builtin_trap();
		process[2] |= 1;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t t = GREGORIAN + now.tv_sec * 10000000ull + now.tv_nsec / 100;
	if (t <= last) t = last + 1;
	last = t;

	for (int i = 0; i < 4; i++) u[i] = t >> (24 - 8 * i);
	u[4] = t >> 40;
	u[5] = t >> 32;
	u[6] = t >> 56;
	u[7] = t >> 48;
	memcpy(u + 8, process, 8);
	mark(u, 1);
}

void uuid_unparse(const uuid_t u, char out[37])
{
	for (int i = 0; i < 16; i++)
		out += sprintf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", u[i]);
}

int uuid_parse(const char *in, uuid_t u)
{
	if (strlen(in) != 36) return -1;
	for (int i = 0; i < 16; i++) {
		int n = 0;
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *in++ != '-') return -1;
		if (strspn(in, "0123456789abcdefABCDEF") < 2 || sscanf(in, "%2hhx%n", &u[i], &n) != 1 || n != 2) return -1;
		in += 2;
	}
	return 0;
}
