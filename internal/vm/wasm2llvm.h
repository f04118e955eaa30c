/*
 * What a module translated by the Go package wasm2llvm looks like to a host. Numbers and structures
 * are those of layout.go, describe.go and types.go.
 */
#ifndef WASM2LLVM_H
#define WASM2LLVM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * An instance is the address of its memory, of which WASM_RESERVE bytes must be reserved and all
 * that is not memory yet must fault. Below it lies the state, of wasm_module.state bytes: these,
 * and what the structures' slots name.
 */
#define WASM_RESERVE ((8ull << 30) + 65536)
#define WASM_SIZE(base) (*(uint64_t *)((char *)(base) - 8))       /* of the memory, in bytes */
#define WASM_HOST(base) (*(void **)((char *)(base) - 16))         /* the host's own */
#define WASM_STACK_TOP(base) (*(uint64_t *)((char *)(base) - 24)) /* Options.StackDepth counts from here */
#define WASM_SLOT(base, type, slot) (*(type *)((char *)(base) + (slot)))

enum { WASM_FUNC, WASM_TABLE, WASM_MEMORY, WASM_GLOBAL, WASM_TAG };

/* The value of a constant expression. */
enum { WASM_INIT_CONST, WASM_INIT_FUNC, WASM_INIT_GLOBAL };
struct wasm_init {
	uint32_t kind, pad;
	uint64_t low, high; /* FUNC: low is the ID of its type; GLOBAL: low is the slot of an imported one */
	const void *code;   /* of FUNC */
};

/* An entry of a table, and a reference: null is all zero. In a segment, id >> 32 is WASM_INIT_GLOBAL for an imported global, whose slot code is. */
struct wasm_entry {
	uint64_t id; /* of the function's type */
	const void *code;
};

struct wasm_import {
	uint64_t module_len;
	const char *module;
	uint64_t name_len;
	const char *name;
	uint32_t kind, index;
	int64_t slot; /* FUNC: struct wasm_function; GLOBAL: the value; TAG: the number, a u32 */
	uint32_t type, pad; /* as in struct wasm_symbol */
};

/* An imported function: called with the pointer and then the arguments, by C's calling convention. */
struct wasm_function {
	const void *code;
	void *host;
};

struct wasm_global { /* own ones that change */
	int64_t slot;
	struct wasm_init init;
};

struct wasm_table {
	int64_t entries, size_slot; /* the size is a u32 */
	uint32_t min, capacity;
};

enum { WASM_ACTIVE, WASM_PASSIVE, WASM_DECLARED };

struct wasm_data {
	uint32_t mode, pad;
	int64_t slot; /* u64: 1 once dropped */
	struct wasm_init offset;
	uint64_t len;
	const char *bytes;
};

struct wasm_elem {
	uint32_t mode, table;
	int64_t slot;
	struct wasm_init offset;
	uint64_t n;
	const struct wasm_entry *entries;
};

struct wasm_export {
	uint64_t name_len;
	const char *name;
	uint32_t kind, number; /* of a tag, unless it has a slot */
	int64_t slot;          /* GLOBAL: of the value; 0: it never changes and is value */
	struct wasm_init value;
	void (*enter)(void *base, void *values); /* FUNC: arguments, and then results, are 16 bytes apart */
	const void *direct;                      /* FUNC: a C function of the base and the arguments */
};

struct wasm_module {
	uint64_t state;                /* bytes below the base */
	uint32_t memory_min, memory_max; /* pages of 64 KiB */
	void (*start)(void *base, void *values);
	uint64_t imports_len;
	const struct wasm_import *imports;
	uint64_t globals_len;
	const struct wasm_global *globals;
	uint64_t tables_len;
	const struct wasm_table *tables;
	uint64_t datas_len;
	const struct wasm_data *datas;
	uint64_t elems_len;
	const struct wasm_elem *elems;
	uint64_t exports_len;
	const struct wasm_export *exports;

	/*
	 * The memory's bytes from image_at on, all active data segments together, for a host that maps them: image_at, image_len
	 * and the place in the file are multiples of 64 KiB. NULL: there are none, or Options.Image was not asked for.
	 */
	uint64_t image_at, image_len;
	const char *image;
	uint8_t hash[32]; /* SHA-256 of the WebAssembly */
};

/*
 * A side module is put into an instance of a program, which exports what it imports, and is passed that instance's
 * base. The host fills in its variables once, before any of its code runs. Its state ends as far from the base as it is
 * told there, and the slots of its wasm_module count from that end.
 */
struct wasm_side {
	int64_t state;
	int64_t table, table_size; /* of the program's table, from the base: its elements, and the u32 that is their number */
	int64_t memory_max;        /* pages */
	const void *throw;         /* the program's wasm_throw */
};

/* What an image exports, sorted by name. */
struct wasm_symbol {
	uint32_t name;       /* in wasm_linkage.names, zero-terminated */
	uint32_t kind_index; /* kind: the lowest three bits; index: of the function, global ... */
	uint32_t value;      /* FUNC: a slot of the table that has it, or 0; GLOBAL: the value it starts with */
	int32_t code;        /* FUNC: its code's distance from the first symbol; GLOBAL: its slot, or 0; TAG: the number */
	uint32_t type;       /* FUNC, TAG: the ID of the type; GLOBAL: the type's code, and WASM_MUTABLE; TABLE: the elements' type */
};
enum { WASM_MUTABLE = 1 << 8, WASM_TYPE_I32 = 0x7f };

/* A type whose ID is a hash, and what it says of it. */
struct wasm_type { uint32_t id, name; };

/* What linking side modules to a program needs. Of a program that was not made for it there are no symbols. */
struct wasm_linkage {
	uint32_t exception_bits; /* a thrown exception is as large */
	uint32_t symbols_len, types_len, names_len;
	const struct wasm_symbol *symbols;
	const struct wasm_type *types;
	const char *names;
	struct wasm_side *side; /* NULL: a program; so are the next three, for the host to fill in */
	const void **functions; /* the code of each imported function */
	int64_t *globals;       /* where the program has each imported global that it shares, from the base */
	uint32_t *tags;         /* the number of each imported tag */
};

/* Why the guest trapped: the byte that its undefined instruction carries (wasm_trap_of), or the argument of wasm_trap. */
enum {
	WASM_TRAP_UNREACHABLE = 1,
	WASM_TRAP_DIVIDE_BY_ZERO,
	WASM_TRAP_INTEGER_OVERFLOW,
	WASM_TRAP_INVALID_CONVERSION,
	WASM_TRAP_TABLE_OUT_OF_BOUNDS,
	WASM_TRAP_INDIRECT_NULL,
	WASM_TRAP_INDIRECT_TYPE,
	WASM_TRAP_MEMORY_OUT_OF_BOUNDS,
	WASM_TRAP_NULL_REFERENCE,
	WASM_TRAP_UNALIGNED,
	WASM_TRAP_STACK_OVERFLOW,
};

/* wasm_trap_of returns the trap of the undefined instruction at pc; 0: it is none of the guest's. */
static inline int wasm_trap_of(const void *pc)
{
#if defined __x86_64__
	const uint8_t *p = pc; /* ud1l imm(%eax), %eax */
	return p[0] == 0x67 && p[1] == 0x0f && p[2] == 0xb9 && p[3] == 0x40 ? p[4] : 0;
#elif defined __aarch64__
	uint32_t i = *(const uint32_t *)pc; /* brk #0x5500 + trap */
	return (i & 0xffe0001f) == 0xd4200000 && (i >> 13 & 0xff) == 0x55 ? (int)(i >> 5 & 0xff) : 0;
#endif
}

/* Who embeds the runtime defines these; neither returns. An exception that nobody catches comes to wasm_uncaught. */
_Noreturn void wasm_trap(void *base, int trap);
_Noreturn void wasm_uncaught(void *base, void *exception);

/*
 * wasm_instantiate fills an instance's state and memory and runs the start function. Before it the
 * host gives the memory its first pages, and fills in WASM_SIZE, the slots of imports, and the
 * sizes of imported tables that have more elements than the module asks for. It traps as the
 * specification says. References to functions hold for one instance: they must not be passed to
 * another one.
 */
void wasm_instantiate(const struct wasm_module *, void *base);

/* The host gives memory its pages: they must be made accessible and read as zero. 0: done. */
int wasm_grow_memory(void *base, uint64_t old_size, uint64_t new_size);

/*
 * A shared object (shared.c) has the symbol wasm_host, for the program that loads it to fill in. move and set are the C
 * library's memmove and memset: whoever loads has the best ones for this processor.
 */
struct wasm_host {
	void (*trap)(void *base, int trap);
	void (*uncaught)(void *base, void *exception);
	int (*grow)(void *base, uint64_t old_size, uint64_t new_size);
	void *(*move)(void *to, const void *from, size_t n);
	void *(*set)(void *to, int value, size_t n);
};

/*
 * wasm_frames writes the addresses of the calls that led to an instruction of the guest, that one first, and returns their
 * number. saved are the registers that a function must preserve (WASM_SAVED of them): on amd64 rbx, rbp, r12 to r15; on
 * arm64 x19 to x29 and d8 to d15.
 */
#if defined __x86_64__
#define WASM_SAVED 6
#define WASM_PROCESSOR "x86_64" /* its name in side modules */
#elif defined __aarch64__
#define WASM_SAVED 19
#define WASM_PROCESSOR "aarch64"
#endif
unsigned wasm_frames(const uint64_t *saved, uint64_t sp, uint64_t pc, uint64_t *frames, unsigned max);

/*
 * wasm_add_image tells a program's unwinder of a side module: where its code is, and its unwind table. False: there are
 * too many. One thread at a time may call it.
 */
_Bool wasm_add_image(const void *start, const void *end, const uint8_t *unwind_table);

/* wasm_unwind_table returns the unwind table (PT_GNU_EH_FRAME) of the image with this ELF header; NULL: it has none. */
static inline const uint8_t *wasm_unwind_table(const uint8_t *image)
{
	const uint8_t *table = NULL;
	uint64_t headers, address;
	uint32_t type;
	uint16_t size, n;

	memcpy(&headers, image + 32, 8); /* e_phoff, e_phentsize, e_phnum */
	memcpy(&size, image + 54, 2);
	memcpy(&n, image + 56, 2);
	for (unsigned k = 0; k < n; k++) {
		const uint8_t *h = image + headers + k * size;
		memcpy(&type, h, 4);
		memcpy(&address, h + 16, 8);
		if (type == 0x6474e550)
			table = image + address; /* of a position-independent image, which starts at 0 */
	}
	return table;
}

/*
 * An image is a shared object of one module that needs no dynamic linker: ELF, little-endian, 64 bits, segments aligned to
 * 64 KiB, none of which is writable and executable, and one executable; nothing to resolve, and no relocations but DT_RELR. Its
 * entry (e_entry) is the address of this (image.c). The host fills in *host before it calls anything. WASM_IMAGE_FORMAT
 * changes with any structure in this file, the state's fixed part and the convention of calls.
 */
#define WASM_IMAGE_MAGIC "wasm2elf"
#define WASM_IMAGE_FORMAT 1
struct wasm_image {
	char magic[8];
	uint32_t format, pad;
	const struct wasm_module *module;
	struct wasm_host *host;
	unsigned (*frames)(const uint64_t *saved, uint64_t sp, uint64_t pc, uint64_t *frames, unsigned max); /* wasm_frames */
	void (*trap_site)(void); /* traps; for a host that ends an instance from outside */
	const struct wasm_linkage *linkage;
	void (*throw)(void *base, void *exception); /* these two, like frames, are NULL in a side module */
	_Bool (*add_image)(const void *start, const void *end, const uint8_t *unwind_table); /* wasm_add_image */
};

#endif /* WASM2LLVM_H */
