/*
 * Exceptions: from the frame that throws outward to the first with a landing pad for the address it
 * calls from, by the tables that LLVM writes for any C++ program (.eh_frame_hdr, .eh_frame,
 * .gcc_except_table; see the LSB core specification, "Exception Frames", and the Itanium C++ ABI's
 * language-specific data area). Only frames of translated code have landing pads, and each catches
 * every exception. What a return address means is worked out once and kept: a step is then a
 * look-up and a few loads.
 */
#include "wasm2llvm.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* DWARF's numbers of the registers that a function must preserve, and of those that frames are found by. */
#if defined __x86_64__
static const uint8_t saved_numbers[] = {3, 6, 12, 13, 14, 15};
enum { SAVED = 6, DWARF_SP = 7, DWARF_FP = 6, FP = 1, DWARF_RA = 16 };
#elif defined __aarch64__
static const uint8_t saved_numbers[] = {19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 72, 73, 74, 75, 76, 77, 78, 79};
enum { SAVED = 19, DWARF_SP = 31, DWARF_FP = 29, FP = 10, DWARF_RA = 30 };
#else
#error "no unwinder for this processor"
#endif

struct registers { /* throw.S has the same layout */
	uint64_t saved[SAVED];
	uint64_t sp, pc;
};

/* What a return address means: where its frame ends, and where the frame saved its caller's registers. */
struct rule {
	uint64_t pc;
	uint64_t pad;     /* landing pad; 0: none */
	int32_t cfa;      /* the frame's end, from the stack or frame pointer */
	int32_t args;     /* bytes of arguments on the stack at the call */
	int32_t at[SAVED + 1]; /* of the saved registers and the return address, from the frame's end; 0: not saved */
	bool by_fp;
};

enum { CACHE = 1 << 13, ARENA = 1 << 12 };
static struct rule *cache[CACHE], arena[ARENA];
static uint32_t arena_used;

/* ---- reading the tables ---- */

static uint64_t uleb(const uint8_t **p)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t c;

	do {
		c = *(*p)++;
		v |= (uint64_t)(c & 0x7f) << shift;
		shift += 7;
	} while (c & 0x80);
	return v;
}

static int64_t sleb(const uint8_t **p)
{
	int64_t v = 0;
	unsigned shift = 0;
	uint8_t c;

	do {
		c = *(*p)++;
		v |= (int64_t)((uint64_t)(c & 0x7f) << shift);
		shift += 7;
	} while (c & 0x80);
	if (shift < 64 && (c & 0x40))
		v |= -(int64_t)(1ull << shift);
	return v;
}

/* encoded reads a number by its DW_EH_PE encoding: the low half is the format, 0x10 means relative to the number's own place. */
static uint64_t encoded(const uint8_t **p, uint8_t encoding)
{
	const uint8_t *at = *p;
	uint64_t v;
	int32_t s;
	uint32_t u;

	switch (encoding & 0xf) {
	case 0x1:
		return uleb(p);
	case 0x3:
		memcpy(&u, at, 4);
		*p += 4;
		v = u;
		break;
	case 0xb:
		memcpy(&s, at, 4);
		*p += 4;
		v = (uint64_t)(int64_t)s;
		break;
	default:
		memcpy(&v, at, 8);
		*p += 8;
	}
	return v != 0 && (encoding & 0x70) == 0x10 ? v + (uint64_t)at : v;
}

extern const uint8_t __ehdr_start[]; /* the linker's: this image's ELF header */

/* The images of side modules. A signal handler reads them: an entry is written before it counts. */
enum { IMAGES = 1024 };
static struct { uint64_t start, end; const uint8_t *table; } images[IMAGES];
static uint32_t image_count;

_Bool wasm_add_image(const void *start, const void *end, const uint8_t *table)
{
	if (image_count == IMAGES)
		return false;
	images[image_count].start = (uint64_t)start;
	images[image_count].end = (uint64_t)end;
	images[image_count].table = table;
	__atomic_store_n(&image_count, image_count + 1, __ATOMIC_RELEASE);
	return true;
}

/* find_table returns the unwind table of the image with an instruction: a side module's, or this one's. */
static const uint8_t *find_table(uint64_t pc)
{
	static const uint8_t *table;
	const uint8_t *found = __atomic_load_n(&table, __ATOMIC_RELAXED);

	for (uint32_t k = __atomic_load_n(&image_count, __ATOMIC_ACQUIRE); k-- > 0;)
		if (pc >= images[k].start && pc < images[k].end)
			return images[k].table;
	if (found == NULL) {
		found = wasm_unwind_table(__ehdr_start);
		__atomic_store_n(&table, found, __ATOMIC_RELAXED);
	}
	return found;
}

struct frame {
	int32_t cfa, args;
	int reg;
	int32_t at[SAVED + 1];
};

static int32_t *place(struct frame *f, uint64_t reg)
{
	for (int k = 0; k < SAVED; k++)
		if (saved_numbers[k] == reg)
			return &f->at[k];
	return reg == DWARF_RA ? &f->at[SAVED] : NULL;
}

/* run runs call frame instructions up to pc. False: one that LLVM does not write. */
static bool run(const uint8_t *p, const uint8_t *end, uint64_t at, uint64_t pc, uint64_t code_factor, int64_t factor, struct frame *f)
{
	struct frame first = *f, stack[8];
	unsigned depth = 0;
	int32_t *where;
	uint16_t h;
	uint32_t w;

	while (p < end) {
		uint8_t op = *p++;
		uint64_t reg, delta = 0;
		switch (op >> 6) {
		case 1:
			delta = op & 63;
			break;
		case 2:
			reg = uleb(&p);
			if ((where = place(f, op & 63)) != NULL)
				*where = (int32_t)((int64_t)reg * factor);
			continue;
		case 3:
			if ((where = place(f, op & 63)) != NULL)
				*where = *place(&first, op & 63);
			continue;
		default:
			switch (op) {
			case 0x00: continue;
			case 0x02: delta = *p++; break;
			case 0x03: memcpy(&h, p, 2); p += 2; delta = h; break;
			case 0x04: memcpy(&w, p, 4); p += 4; delta = w; break;
			case 0x05:
				reg = uleb(&p);
				delta = uleb(&p);
				if ((where = place(f, reg)) != NULL)
					*where = (int32_t)((int64_t)delta * factor);
				continue;
			case 0x06: /* as 3 above, for registers of higher numbers: arm64's d8 to d15 */
				reg = uleb(&p);
				if ((where = place(f, reg)) != NULL)
					*where = *place(&first, reg);
				continue;
			case 0x08: /* the register has the caller's value */
				reg = uleb(&p);
				if ((where = place(f, reg)) != NULL)
					*where = 0;
				continue;
			case 0x0a:
				if (depth == 8)
					return false;
				stack[depth++] = *f;
				continue;
			case 0x0b:
				if (depth == 0)
					return false;
				w = (uint32_t)f->args;
				*f = stack[--depth];
				f->args = (int32_t)w;
				continue;
			case 0x0c: f->reg = (int)uleb(&p); f->cfa = (int32_t)uleb(&p); continue;
			case 0x0d: f->reg = (int)uleb(&p); continue;
			case 0x0e: f->cfa = (int32_t)uleb(&p); continue;
			case 0x2e: f->args = (int32_t)uleb(&p); continue;
			default: return false;
			}
		}
		at += delta * code_factor;
		if (at > pc)
			return true;
	}
	return true;
}

/* pad_of returns the landing pad of pc in a function's language-specific data area; 0: none. */
static uint64_t pad_of(const uint8_t *p, uint64_t start, uint64_t pc)
{
	uint8_t base = *p++;
	if (base != 0xff) /* where pads count from, if not from the function's start */
		return 0;
	uint8_t types = *p++;
	if (types != 0xff)
		uleb(&p);
	uint8_t encoding = *p++;
	uint64_t length = uleb(&p);
	for (const uint8_t *end = p + length; p < end;) {
		uint64_t from = encoded(&p, encoding), size = encoded(&p, encoding), pad = encoded(&p, encoding);
		uleb(&p);
		if (pc - start < from)
			return 0;
		if (pc - start < from + size)
			return pad != 0 ? start + pad : 0;
	}
	return 0;
}

/* A function's description: its entry in .eh_frame, and that one's common part. */
struct entry {
	const uint8_t *common, *common_end, *program, *end, *lsda;
	uint64_t start, size, code_factor;
	int64_t factor;
};

static void read_entry(const uint8_t *p, struct entry *e)
{
	uint32_t length;
	int32_t back;
	uint8_t pointers = 0, areas = 0xff;

	memcpy(&length, p, 4);
	e->end = p + 4 + length;
	memcpy(&back, p + 4, 4);
	const uint8_t *c = p + 4 - back;
	memcpy(&length, c, 4);
	e->common_end = c + 4 + length;
	c += 9; /* length, id, version */
	const char *augmentation = (const char *)c;
	while (*c++ != 0)
		;
	e->code_factor = uleb(&c);
	e->factor = sleb(&c);
	uleb(&c); /* the return address's register */
	if (augmentation[0] == 'z') {
		uint64_t n = uleb(&c);
		const uint8_t *next = c + n;
		for (const char *a = augmentation + 1; *a != 0; a++) {
			if (*a == 'R')
				pointers = *c++;
			else if (*a == 'L')
				areas = *c++;
			else if (*a == 'P') {
				uint8_t encoding = *c++;
				encoded(&c, encoding & 0xf);
			}
		}
		c = next;
	}
	e->common = c;
	p += 8;
	e->start = encoded(&p, pointers);
	e->size = encoded(&p, pointers & 0xf);
	uint64_t n = uleb(&p);
	e->program = p + n;
	e->lsda = NULL;
	if (areas != 0xff && n > 0)
		e->lsda = (const uint8_t *)encoded(&p, areas);
}

/* work_out makes the rule of a return address. False: there is none, it is not of translated code. */
static bool work_out(uint64_t ret, struct rule *r)
{
	uint64_t pc = ret - 1; /* within the call */
	const uint8_t *table = find_table(pc);
	uint32_t n;
	struct entry e;
	struct frame f = {0};

	if (table == NULL || table[1] != 0x1b || table[2] != 0x03 || table[3] != 0x3b) /* as linkers write it */
		return false;
	memcpy(&n, table + 8, 4);
	const struct { int32_t at, entry; } *index = (const void *)(table + 12);
	int64_t want = (int64_t)(pc - (uint64_t)table);
	if (n == 0 || want < index[0].at)
		return false;
	uint32_t low = 0, high = n;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (index[middle].at <= want)
			low = middle;
		else
			high = middle;
	}
	read_entry(table + index[low].entry, &e);
	if (pc < e.start || pc >= e.start + e.size)
		return false;
	if (!run(e.common, e.common_end, 0, ~0ull, e.code_factor, e.factor, &f) || !run(e.program, e.end, e.start, pc, e.code_factor, e.factor, &f))
		return false;
	if (f.reg != DWARF_SP && f.reg != DWARF_FP)
		return false;
	*r = (struct rule){.pc = ret, .cfa = f.cfa, .args = f.args, .by_fp = f.reg == DWARF_FP};
	memcpy(r->at, f.at, sizeof r->at);
	if (e.lsda != NULL)
		r->pad = pad_of(e.lsda, e.start, pc);
	return true;
}

/* rule_of returns the rule of a return address: a kept one, or one made in *own. NULL: there is none. */
static const struct rule *rule_of(uint64_t pc, struct rule *own)
{
	struct rule **slot = &cache[pc * 0x9e3779b97f4a7c15ull >> 51];
	struct rule *r = __atomic_load_n(slot, __ATOMIC_ACQUIRE);

	if (r != NULL && r->pc == pc)
		return r;
	if (!work_out(pc, own))
		return NULL;
	if (__atomic_load_n(&arena_used, __ATOMIC_RELAXED) < ARENA) {
		uint32_t k = __atomic_fetch_add(&arena_used, 1, __ATOMIC_RELAXED);
		if (k < ARENA) {
			arena[k] = *own;
			__atomic_store_n(slot, &arena[k], __ATOMIC_RELEASE);
		}
	}
	return own;
}

/* Only named by the tables. */
int wasm_personality(void);
int wasm_personality(void) { __builtin_trap(); }

/* step goes to the caller's frame. */
static void step(struct registers *r, const struct rule *k)
{
	uint64_t end = (k->by_fp ? r->saved[FP] : r->sp) + (uint64_t)(int64_t)k->cfa;

	for (int j = 0; j < SAVED; j++)
		if (k->at[j] != 0)
			memcpy(&r->saved[j], (const void *)(end + (uint64_t)(int64_t)k->at[j]), 8);
	memcpy(&r->pc, (const void *)(end + (uint64_t)(int64_t)k->at[SAVED]), 8);
	r->sp = end;
}

/* wasm_unwind is called by wasm_throw (throw.S) and sets the registers to those of the landing pad. */
void wasm_unwind(struct registers *r, void *base, void *exception);
void wasm_unwind(struct registers *r, void *base, void *exception)
{
	struct rule own;

	for (;;) {
		const struct rule *k = rule_of(r->pc, &own);
		if (k == NULL)
			wasm_uncaught(base, exception);
		if (k->pad != 0) {
			r->sp += (uint64_t)k->args;
			r->pc = k->pad;
			return;
		}
		step(r, k);
	}
}

__attribute__((visibility("default"))) unsigned wasm_frames(const uint64_t *saved, uint64_t sp, uint64_t pc, uint64_t *frames, unsigned max)
{
	struct registers r = {.sp = sp, .pc = pc + 1};
	struct rule k;
	unsigned n = 0;

	memcpy(r.saved, saved, sizeof r.saved);
	while (n < max && work_out(r.pc, &k)) {
		frames[n++] = r.pc - 1;
		step(&r, &k);
	}
	return n;
}
