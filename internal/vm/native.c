//go:build (linux || darwin) && (amd64 || arm64)

/*
 * Programs as native code, made ahead of time from the same module by wasm2llvm: an image
 * (native_map.c) and what wasm2llvm.h says of it. An instance is a reservation of address space with
 * the state below the memory; traps are signals (native_signal.c).
 *
 * A module is mapped once and then only read. What an instance keeps here (vm_instance.native) is
 * its thread's alone.
 */
#define _GNU_SOURCE
#include "native.h"
#include "instance.h"
#include "native_image.h"
#include "native_side.h"
#include "native_signal.h"
#include "room.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "_cgo_export.h"

enum { PAGE = 64 << 10 }; /* of WebAssembly */

/* What ends an instance beside enum WASM_TRAP_*. */
enum { EXCEPTION = -1, CALL_IN_START = -2 };

static void host_trap(void *base, int trap)
{
	struct vm_instance *i = WASM_HOST(base);

	i->native.trap = trap;
	i->native.frame_count = 0;
	vm_leave_guest();
}

static void host_uncaught(void *base, void *exception)
{
	(void)exception;
	host_trap(base, EXCEPTION);
}

static int host_grow(void *base, uint64_t old_size, uint64_t new_size)
{
	struct vm_instance *i = WASM_HOST(base);

	if (i->native.limit != 0 && new_size > i->native.limit)
		return ENOMEM;
	return mprotect((char *)base + old_size, new_size - old_size, PROT_READ | PROT_WRITE);
}

/* ---- the functions a guest imports ---- */

/* call_syscall is env.syscall(nr, a, b, c, d, e, f). */
static int32_t call_syscall(struct vm_instance *i, int32_t nr, int32_t a0, int32_t a1, int32_t a2, int32_t a3, int32_t a4,
	int32_t a5)
{
	int32_t a[6] = {a0, a1, a2, a3, a4, a5}, ret;

	if (__builtin_expect(i->linking, 0))
		host_trap(i->memory.base, CALL_IN_START);
	if (__builtin_expect((uintptr_t)__builtin_frame_address(0) < i->native.stack_low, 0))
		host_trap(i->memory.base, WASM_TRAP_STACK_OVERFLOW);
	__atomic_store_n(&i->calling, 1, __ATOMIC_RELAXED);
	if (!fastpath_serve(&i->fast, &i->memory, nr, a, &ret)) {
		int64_t r = vmSyscall(i->slot, i->memory.grown(&i->memory), nr, a);
		if (r > INT32_MAX) {
			i->done = true;
			vm_leave_guest();
		}
		ret = (int32_t)r;
	}
	__atomic_store_n(&i->calling, 0, __ATOMIC_RELAXED);
	if (__builtin_expect(__atomic_load_n(&i->killed, __ATOMIC_RELAXED), 0))
		vm_leave_guest();
	return ret;
}

/*
 * call_stackdepth is env.stackdepth(): the bytes of native stack in use. Code of wasm/native.sh
 * counts them itself; this is for whoever takes the function's address.
 */
static int32_t call_stackdepth(struct vm_instance *i)
{
	return (int32_t)(i->stack_top - (uintptr_t)__builtin_frame_address(0));
}

static uint64_t memory_grown(struct guest_memory *m)
{
	return m->size = WASM_SIZE(m->base);
}

/*
 * fill_memory is memset. It asks for the pages of a large range at once, which spares most of what as many faults cost:
 * PostgreSQL clears the buffers of its log when it starts. Pages that are there stay as they are.
 */
static void *fill_memory(void *to, int value, size_t n)
{
#ifdef MADV_POPULATE_WRITE
	enum { LARGE = 1 << 20 };
	const uintptr_t page = 4096, from = ((uintptr_t)to + page - 1) & ~(page - 1);

	if (n >= LARGE)
		madvise((void *)from, (n - page) & ~(page - 1), MADV_POPULATE_WRITE);
#endif
	return memset(to, value, n);
}

/* call_of returns the function that an import is; NULL: it is none of the kernel's. */
static const void *call_of(const struct wasm_import *m)
{
	if (m->kind != WASM_FUNC || m->module_len != 3 || memcmp(m->module, "env", 3) != 0)
		return NULL;
	if (m->name_len == 7 && memcmp(m->name, "syscall", 7) == 0)
		return (const void *)call_syscall;
	if (m->name_len == 10 && memcmp(m->name, "stackdepth", 10) == 0)
		return (const void *)call_stackdepth;
	return NULL;
}

/* ---- modules ---- */

/* in_memory returns the descriptor of a file in memory with these bytes; -1: the system has none, or no room. */
static int in_memory(const void *data, size_t n)
{
#ifdef __linux__
	int fd = memfd_create("embeddedpg-table", MFD_CLOEXEC);

	for (size_t at = 0; fd >= 0 && at < n;) {
		ssize_t k = write(fd, (const char *)data + at, n - at);
		if (k <= 0) {
			close(fd);
			return -1;
		}
		at += (size_t)k;
	}
	return fd;
#else
	(void)data, (void)n;
	return -1;
#endif
}

/* make_table puts the first table's entries together, which every instance starts with. */
static char *make_table(struct native *n)
{
	const struct wasm_module *m = n->module;

	if (m->tables_len == 0)
		return NULL;
	n->entries_len = ((uint64_t)m->tables[0].capacity * sizeof(struct wasm_entry) + PAGE - 1) & ~(PAGE - 1ull);
	n->entries = calloc(1, n->entries_len);
	for (uint64_t k = 0; n->entries != NULL && k < m->elems_len; k++) {
		const struct wasm_elem *e = &m->elems[k];
		if (e->mode != WASM_ACTIVE || e->table != 0 || e->offset.kind != WASM_INIT_CONST || e->offset.low + e->n > m->tables[0].min)
			return strdup("an element segment outside the table, or whose place is not known");
		memcpy(n->entries + e->offset.low, e->entries, e->n * sizeof *n->entries);
	}
	if (n->entries == NULL)
		return strdup("no memory for the table");
	n->table = in_memory(n->entries, n->entries_len);
	if (n->table >= 0) {
		free(n->entries);
		n->entries = NULL;
	}
	return NULL;
}

static bool exports_memory(const struct wasm_module *m)
{
	for (uint64_t k = 0; k < m->exports_len; k++)
		if (m->exports[k].kind == WASM_MEMORY && m->exports[k].name_len == 6 && memcmp(m->exports[k].name, "memory", 6) == 0)
			return true;
	return false;
}

/* check_module refuses what make does not do. */
static char *check_module(const struct wasm_module *m)
{
	for (uint64_t k = 0; k < m->imports_len; k++)
		if (call_of(&m->imports[k]) == NULL)
			return strdup("unknown import");
	for (uint64_t k = 0; k < m->globals_len; k++)
		if (m->globals[k].init.kind != WASM_INIT_CONST)
			return strdup("a global whose value is not known");
	for (uint64_t k = 0; k < m->datas_len; k++)
		if (m->datas[k].mode != WASM_ACTIVE || (m->image == NULL && m->datas[k].len > 0))
			return strdup("a data segment that is not in the memory's image");
	return NULL;
}

static char *open_module(struct native *n, const struct vm_source *s, const uint8_t hash[32])
{
	char *text = vm_image_map(s, hash, &n->image);

	if (text != NULL)
		return text;
	n->module = n->image.info->module;
	*n->image.info->host = (struct wasm_host){host_trap, host_uncaught, host_grow, memmove, fill_memory};
	for (uint64_t k = 0; k < n->module->exports_len; k++) {
		const struct wasm_export *e = &n->module->exports[k];
		if (e->kind == WASM_FUNC && e->name_len == 6 && memcmp(e->name, "_start", 6) == 0)
			n->start = e->enter;
	}
	n->side_low = -(int64_t)n->module->state;
	text = check_module(n->module);
	if (text == NULL)
		text = make_table(n);
	if (text != NULL || s->fd < 0)
		return text;
	n->file = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
	return n->file < 0 ? strdup(strerror(errno)) : NULL;
}

static void free_native(struct native *n)
{
	if (n->image.at != NULL)
		vm_image_unmap(&n->image);
	if (n->file >= 0)
		close(n->file);
	if (n->table >= 0)
		close(n->table);
	free(n->entries);
	free(n);
}

char *vm_module_native(struct vm_engine *e, const struct vm_source *s, const uint8_t hash[32], bool linkable, struct vm_module **out)
{
	struct vm_module *m = calloc(1, sizeof *m);
	struct native *n = calloc(1, sizeof *n);

	if (m == NULL || n == NULL) {
		free(m);
		free(n);
		return strdup("out of memory");
	}
	n->file = n->table = -1;
	n->linkable = linkable;
	char *text = open_module(n, s, hash);
	if (text == NULL && vm_catch_traps() != 0)
		text = strdup("no signal handler could be installed");
	if (text != NULL) {
		free_native(n);
		free(m);
		return text;
	}
	m->engine = e;
	m->code = &vm_native;
	m->native = n;
	vm_set_trap_site(m, n->image.text_start, n->image.text_end, (uintptr_t)n->image.info->trap_site);
	*out = m;
	return NULL;
}

bool vm_native_copied(const struct vm_module *m)
{
	return m->native->image.copied;
}

static void free_module(struct vm_module *m)
{
	if (m->side != NULL)
		vm_side_free(m->side);
	else
		free_native(m->native);
	free(m);
}

/* ---- running ---- */

/* traps are wasmtime's codes and words for ours. */
static const struct { wasmtime_trap_code_t code; const char *text; } traps[] = {
	[WASM_TRAP_UNREACHABLE] = {9, "wasm `unreachable` instruction executed"},
	[WASM_TRAP_DIVIDE_BY_ZERO] = {7, "integer divide by zero"},
	[WASM_TRAP_INTEGER_OVERFLOW] = {6, "integer overflow"},
	[WASM_TRAP_INVALID_CONVERSION] = {8, "invalid conversion to integer"},
	[WASM_TRAP_TABLE_OUT_OF_BOUNDS] = {3, "undefined element: out of bounds table access"},
	[WASM_TRAP_INDIRECT_NULL] = {4, "uninitialized element"},
	[WASM_TRAP_INDIRECT_TYPE] = {5, "indirect call type mismatch"},
	[WASM_TRAP_MEMORY_OUT_OF_BOUNDS] = {1, "out of bounds memory access"},
	[WASM_TRAP_UNALIGNED] = {2, "unaligned atomic"},
};

/* enter calls a function of the guest on this thread and says how that ended. */
static enum vm_end enter(struct vm_instance *i, void (*f)(void *base, void *values), wasmtime_trap_code_t *code, char **text)
{
	sigjmp_buf jump;
	char line[1200];
	int len;

	i->native.jump = &jump;
	if (sigsetjmp(jump, 0) == 0) {
		/* Below this frame. */
		i->native.leave_stack = ((uintptr_t)__builtin_frame_address(0) - 8192) & ~(uintptr_t)15;
		i->native.running = true;
		f(i->memory.base, NULL);
		i->native.running = false;
		return VM_END_RETURNED;
	}
	i->native.running = false;
	if (i->done)
		return VM_END_DONE;
	if (__atomic_load_n(&i->killed, __ATOMIC_RELAXED))
		return VM_END_KILLED;
	int trap = i->native.trap;
	if (trap == WASM_TRAP_STACK_OVERFLOW)
		return VM_END_STACK_OVERFLOW;
	if (trap < 0) {
		*text = strdup(trap == EXCEPTION ? "thrown Wasm exception" : "a system call while a module is put into the process");
		return VM_END_ERROR;
	}
	bool known = trap > 0 && (size_t)trap < sizeof traps / sizeof *traps && traps[trap].text != NULL;
	*code = known ? traps[trap].code : traps[WASM_TRAP_MEMORY_OUT_OF_BOUNDS].code;
	len = snprintf(line, sizeof line, "%s", known ? traps[trap].text : "a fault");
	for (unsigned k = 0; k < i->native.frame_count; k++) { /* Module.named puts names in their places */
		if (!vm_side_frame(i, i->native.frames[k], line + len, sizeof line - (size_t)len))
			snprintf(line + len, sizeof line - (size_t)len, " +%#lx", (long)(i->native.frames[k] - (uintptr_t)i->module->native->image.at));
		len += (int)strlen(line + len);
	}
	*text = strdup(line);
	return VM_END_TRAP;
}

/* call runs the instance's _start and says how that ended. */
static enum vm_end call(struct vm_instance *i, wasmtime_trap_code_t *code, char **text)
{
	i->native.stack_low = (uintptr_t)i->mapping + VM_GUARD + HOST_STACK;
	WASM_STACK_TOP(i->memory.base) = i->stack_top;
	return enter(i, i->module->native->start, code, text);
}

/*
 * run_start runs the module's start function, which makes no calls, on the thread that makes the
 * instance.
 */
static void run_start(struct vm_instance *i, char **text)
{
	struct vm_instance *outer = vm_self;
	wasmtime_trap_code_t code;

	if (i->module->native->module->start == NULL)
		return;
	vm_self = i;
	i->linking = true;
	if (enter(i, i->module->native->module->start, &code, text) == VM_END_STACK_OVERFLOW)
		*text = strdup("stack overflow");
	i->linking = false;
	vm_self = outer;
}

char *vm_native_enter(struct vm_instance *i, void (*f)(void *base, void *values))
{
	sigjmp_buf *jump = i->native.jump;
	uintptr_t leave_stack = i->native.leave_stack;
	wasmtime_trap_code_t code;
	char *text = NULL;

	switch (enter(i, f, &code, &text)) {
	case VM_END_STACK_OVERFLOW:
		text = strdup("stack overflow");
		break;
	case VM_END_DONE:
	case VM_END_KILLED:
		text = strdup("killed");
		break;
	default:
		break;
	}
	i->native.jump = jump;
	i->native.leave_stack = leave_stack;
	i->native.running = true;
	return text;
}

/* ---- instances ---- */

/* below is the address space below an instance's memory. */
static uint64_t below(const struct native *n)
{
	return n->module->state + (n->linkable ? VM_SIDE_STATE : 0);
}

static void release(struct vm_instance *i)
{
	munmap(i->native.mapped, below(i->module->native) + WASM_RESERVE);
}

/* fill maps a part of a file, which is shared until it is written to; without a file it copies bytes. */
static bool fill(void *at, uint64_t n, int fd, uint64_t from, const void *bytes)
{
	if (fd >= 0)
		return mmap(at, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, (off_t)from) != MAP_FAILED;
	memcpy(at, bytes, n);
	return true;
}

static int make(struct vm_instance *i, uint64_t heap, char **text)
{
	const struct native *n = i->module->native;
	const struct wasm_module *m = n->module;
	uint64_t size = (uint64_t)m->memory_min * PAGE;

	if (n->start == NULL || !exports_memory(m)) {
		*text = strdup(n->start == NULL ? "the module exports no function _start" : "the module exports no memory");
		return ENOEXEC;
	}
	char *map = mmap(NULL, below(n) + WASM_RESERVE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return errno;
	char *base = map + below(n);
	i->native.mapped = map;
	i->memory.base = (uint8_t *)base;
	i->memory.grown = memory_grown;
	i->native.limit = heap != 0 ? size + heap : 0;
	if (mprotect(base - m->state, m->state + size, PROT_READ | PROT_WRITE) != 0 ||
		(m->image != NULL && !fill(base + m->image_at, m->image_len, n->file, n->image.file_at, m->image)) ||
		(m->tables_len > 0 && !fill(base + m->tables[0].entries, n->entries_len, n->table, 0, n->entries))) {
		int error = errno;
		release(i);
		return error;
	}
	WASM_SIZE(base) = size;
	WASM_HOST(base) = i;
	for (uint64_t k = 0; k < m->tables_len; k++)
		WASM_SLOT(base, uint32_t, m->tables[k].size_slot) = m->tables[k].min;
	for (uint64_t k = 0; k < m->globals_len; k++)
		WASM_SLOT(base, struct wasm_entry, m->globals[k].slot) =
			(struct wasm_entry){m->globals[k].init.low, (void *)m->globals[k].init.high};
	for (uint64_t k = 0; k < m->imports_len; k++)
		WASM_SLOT(base, struct wasm_function, m->imports[k].slot) = (struct wasm_function){call_of(&m->imports[k]), i};
	for (uint64_t k = 0; k < m->datas_len; k++)
		WASM_SLOT(base, uint64_t, m->datas[k].slot) = 1; /* dropped, as they are in the memory */
	for (uint64_t k = 0; k < m->elems_len; k++)
		WASM_SLOT(base, uint64_t, m->elems[k].slot) = 1;
	run_start(i, text);
	i->first_size = memory_grown(&i->memory);
	if (*text == NULL && vm_spare_addresses(VM_SPARE_ADDRESSES))
		return 0;
	int error = *text != NULL ? ENOEXEC : ENOMEM;
	release(i);
	return error;
}

const struct vm_code vm_native = {make, call, release, free_module, vm_native_link, vm_native_set_slot};
