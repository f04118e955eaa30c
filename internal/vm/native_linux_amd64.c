/*
 * Programs as native code, made ahead of time from the same module by internal/wasm2llvm: a shared
 * object and what wasm2llvm.h says of it. An instance is a reservation of address space with the
 * state below the memory; traps are faults and undefined instructions, and leave the guest by way
 * of the signal handler.
 *
 * A module is opened once and then only read. What an instance keeps here (vm_instance.native) is
 * its thread's alone. The signal handlers are the program's: they are installed with the first
 * module and stay, and pass on what is not a guest's.
 */
#define _GNU_SOURCE
#include "instance.h"
#include "native.h"
#include "room.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "_cgo_export.h"
#include "wasm2llvm.h"

enum { PAGE = 64 << 10 }; /* of WebAssembly */

/* What ends an instance beside enum WASM_TRAP_*. */
enum { EXCEPTION = -1, CALL_IN_START = -2 };

struct native {
	void *so;
	const struct wasm_module *module;
	void (*start)(void *base, void *values);
	unsigned (*frames)(const uint64_t *, uint64_t, uint64_t, uint64_t *, unsigned);
	int image, table; /* files in memory that instances map, until they change them; -1: none */
	uint64_t image_at, image_len, table_len;
	uintptr_t loaded; /* where the shared object's address 0 is */
};

static struct sigaction before[NSIG]; /* what was installed for the signals of traps */

/* ---- leaving the guest ---- */

/* leave ends the call of enter on this thread. */
static _Noreturn void leave(void)
{
	siglongjmp(*vm_self->native.jump, 1);
}

static void host_trap(void *base, int trap)
{
	struct vm_instance *i = WASM_HOST(base);

	i->native.trap = trap;
	i->native.frame_count = 0;
	leave();
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

/* take_frames notes the calls that led to a trap. */
static void take_frames(struct vm_instance *i, const ucontext_t *c)
{
	static const int order[WASM_SAVED] = {REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15};
	uint64_t saved[WASM_SAVED];

	for (int k = 0; k < WASM_SAVED; k++)
		saved[k] = (uint64_t)c->uc_mcontext.gregs[order[k]];
	i->native.frame_count = i->module->native->frames(saved, (uint64_t)c->uc_mcontext.gregs[REG_RSP],
		(uint64_t)c->uc_mcontext.gregs[REG_RIP], i->native.frames,
		sizeof i->native.frames / sizeof *i->native.frames);
}

static void pass_on(int sig, siginfo_t *info, void *context)
{
	const struct sigaction *b = &before[sig];

	if (b->sa_flags & SA_SIGINFO)
		b->sa_sigaction(sig, info, context);
	else if (b->sa_handler != SIG_DFL && b->sa_handler != SIG_IGN)
		b->sa_handler(sig);
	else
		signal(sig, SIG_DFL);
}

/*
 * on_fault has a guest that trapped go to leave, on the stack where it was entered: its own may be
 * used up.
 */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	struct vm_instance *i = vm_self;
	ucontext_t *c = context;
	uintptr_t pc = (uintptr_t)c->uc_mcontext.gregs[REG_RIP], at = (uintptr_t)info->si_addr;

	if (i == NULL || !i->native.running || pc < i->module->text_start || pc >= i->module->text_end) {
		pass_on(sig, info, context);
		return;
	}
	if (sig == SIGILL || sig == SIGTRAP)
		i->native.trap = wasm_trap_of((const void *)pc);
	else if (at >= (uintptr_t)i->mapping && at < (uintptr_t)i->mapping + VM_GUARD)
		i->native.trap = WASM_TRAP_STACK_OVERFLOW;
	else
		i->native.trap = WASM_TRAP_MEMORY_OUT_OF_BOUNDS;
	if (i->native.trap != WASM_TRAP_STACK_OVERFLOW && !__atomic_load_n(&i->killed, __ATOMIC_RELAXED))
		take_frames(i, c);
	c->uc_mcontext.gregs[REG_RSP] = (greg_t)i->native.leave_stack;
	c->uc_mcontext.gregs[REG_RIP] = (greg_t)leave;
}

/* catch_faults installs on_fault, once. 0 or an errno. */
static int catch_faults(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
	static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
	static bool done;
	struct sigaction s = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	int error = 0;

	sigfillset(&s.sa_mask);
	pthread_mutex_lock(&mu);
	for (size_t k = 0; !done && error == 0 && k < sizeof signals / sizeof *signals; k++)
		error = sigaction(signals[k], &s, &before[signals[k]]) != 0 ? errno : 0;
	done = error == 0;
	pthread_mutex_unlock(&mu);
	return error;
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
			leave();
		}
		ret = (int32_t)r;
	}
	__atomic_store_n(&i->calling, 0, __ATOMIC_RELAXED);
	if (__builtin_expect(__atomic_load_n(&i->killed, __ATOMIC_RELAXED), 0))
		leave();
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

/* in_memory returns the descriptor of a file in memory with these bytes; -1: none could be made. */
static int in_memory(const char *name, const void *data, size_t n)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	for (size_t at = 0; fd >= 0 && at < n;) {
		ssize_t k = write(fd, (const char *)data + at, n - at);
		if (k <= 0) {
			close(fd);
			return -1;
		}
		at += (size_t)k;
	}
	return fd;
}

/* make_image puts the data segments into one file, which covers whole pages. */
static char *make_image(struct native *n)
{
	const struct wasm_module *m = n->module;
	uint64_t low = ~0ull, high = 0;

	for (uint64_t k = 0; k < m->datas_len; k++) {
		const struct wasm_data *d = &m->datas[k];
		if (d->mode != WASM_ACTIVE || d->offset.kind != WASM_INIT_CONST)
			return strdup("a data segment whose place is not known");
		low = d->offset.low < low ? d->offset.low : low;
		high = d->offset.low + d->len > high ? d->offset.low + d->len : high;
	}
	if (high == 0)
		return NULL;
	if (high > (uint64_t)m->memory_min * PAGE)
		return strdup("a data segment outside the memory");
	n->image_at = low & ~(PAGE - 1ull);
	n->image_len = (high - n->image_at + PAGE - 1) & ~(PAGE - 1ull);
	char *bytes = calloc(1, n->image_len);
	for (uint64_t k = 0; bytes != NULL && k < m->datas_len; k++)
		memcpy(bytes + m->datas[k].offset.low - n->image_at, m->datas[k].bytes, m->datas[k].len);
	n->image = bytes != NULL ? in_memory("embeddedpg-image", bytes, n->image_len) : -1;
	free(bytes);
	return n->image < 0 ? strdup("no memory for the image") : NULL;
}

/* make_table puts the functions into a file with the first table's entries. */
static char *make_table(struct native *n)
{
	const struct wasm_module *m = n->module;

	if (m->tables_len == 0)
		return NULL;
	n->table_len = ((uint64_t)m->tables[0].capacity * sizeof(struct wasm_entry) + PAGE - 1) & ~(PAGE - 1ull);
	struct wasm_entry *entries = calloc(1, n->table_len);
	for (uint64_t k = 0; entries != NULL && k < m->elems_len; k++) {
		const struct wasm_elem *e = &m->elems[k];
		if (e->mode != WASM_ACTIVE || e->table != 0 || e->offset.kind != WASM_INIT_CONST || e->offset.low + e->n > m->tables[0].min) {
			free(entries);
			return strdup("an element segment outside the table, or whose place is not known");
		}
		memcpy(entries + e->offset.low, e->entries, e->n * sizeof *entries);
	}
	n->table = entries != NULL ? in_memory("embeddedpg-table", entries, n->table_len) : -1;
	free(entries);
	return n->table < 0 ? strdup("no memory for the table") : NULL;
}

/* find_text finds the segment with the guest's functions: that in which the trap site is. */
static int find_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct vm_module *m = arg;
	uintptr_t start = m->trap_site;

	(void)size;
	for (int k = 0; k < info->dlpi_phnum; k++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[k];
		uintptr_t from = info->dlpi_addr + h->p_vaddr;
		if (h->p_type == PT_LOAD && (h->p_flags & PF_X) && start >= from && start < from + h->p_memsz) {
			m->native->loaded = info->dlpi_addr;
			m->text_start = from;
			m->text_end = from + h->p_memsz;
			return 1;
		}
	}
	return 0;
}

static bool exports_memory(const struct wasm_module *m)
{
	for (uint64_t k = 0; k < m->exports_len; k++)
		if (m->exports[k].kind == WASM_MEMORY && m->exports[k].name_len == 6 && memcmp(m->exports[k].name, "memory", 6) == 0)
			return true;
	return false;
}

static char *open_module(struct native *n, const char *path)
{
	n->so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (n->so == NULL)
		return strdup(dlerror());
	struct wasm_host *host = dlsym(n->so, "wasm_host");
	n->module = dlsym(n->so, "wasm_module");
	*(void **)&n->frames = dlsym(n->so, "wasm_frames");
	if (host == NULL || n->module == NULL || n->frames == NULL || dlsym(n->so, "wasm_trap_here") == NULL)
		return strdup("no translated module");
	*host = (struct wasm_host){host_trap, host_uncaught, host_grow};
	for (uint64_t k = 0; k < n->module->exports_len; k++) {
		const struct wasm_export *e = &n->module->exports[k];
		if (e->kind == WASM_FUNC && e->name_len == 6 && memcmp(e->name, "_start", 6) == 0)
			n->start = e->enter;
	}
	for (uint64_t k = 0; k < n->module->imports_len; k++)
		if (call_of(&n->module->imports[k]) == NULL)
			return strdup("unknown import");
	for (uint64_t k = 0; k < n->module->globals_len; k++)
		if (n->module->globals[k].init.kind != WASM_INIT_CONST)
			return strdup("a global whose value is not known");
	char *text = make_image(n);
	return text != NULL ? text : make_table(n);
}

static void free_native(struct native *n)
{
	/* The shared object stays open: another engine may run it. */
	if (n->image >= 0)
		close(n->image);
	if (n->table >= 0)
		close(n->table);
	free(n);
}

char *vm_module_native(struct vm_engine *e, const char *path, struct vm_module **out)
{
	struct vm_module *m = calloc(1, sizeof *m);
	struct native *n = calloc(1, sizeof *n);

	if (m == NULL || n == NULL) {
		free(m);
		free(n);
		return strdup("out of memory");
	}
	n->image = n->table = -1;
	char *text = open_module(n, path);
	if (text == NULL && catch_faults() != 0)
		text = strdup("no signal handler could be installed");
	if (text != NULL) {
		free_native(n);
		free(m);
		return text;
	}
	m->engine = e;
	m->code = &vm_native;
	m->native = n;
	m->trap_site = (uintptr_t)dlsym(n->so, "wasm_trap_here");
	dl_iterate_phdr(find_text, m);
	*out = m;
	return NULL;
}

static void free_module(struct vm_module *m)
{
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
	char line[400];
	int len;

	i->native.jump = &jump;
	if (sigsetjmp(jump, 0) == 0) {
		/* Below this frame, and aligned as at a function's first instruction. */
		i->native.leave_stack = (((uintptr_t)__builtin_frame_address(0) - 8192) & ~(uintptr_t)15) - 8;
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
	for (unsigned k = 0; k < i->native.frame_count; k++) /* Module.named puts names in their places */
		len += snprintf(line + len, sizeof line - (size_t)len, " +%#lx", (long)(i->native.frames[k] - i->module->native->loaded));
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

/* ---- instances ---- */

static void release(struct vm_instance *i)
{
	munmap(i->native.mapped, i->module->native->module->state + WASM_RESERVE);
}

static bool map_file(void *at, size_t n, int fd)
{
	return mmap(at, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) != MAP_FAILED;
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
	char *map = mmap(NULL, m->state + WASM_RESERVE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return errno;
	char *base = map + m->state;
	i->native.mapped = map;
	i->memory.base = (uint8_t *)base;
	i->memory.grown = memory_grown;
	i->native.limit = heap != 0 ? size + heap : 0;
	if (mprotect(map, m->state + size, PROT_READ | PROT_WRITE) != 0 ||
		(n->image >= 0 && !map_file(base + n->image_at, n->image_len, n->image)) ||
		(n->table >= 0 && !map_file(base + m->tables[0].entries, n->table_len, n->table))) {
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
	memory_grown(&i->memory);
	if (*text == NULL && vm_spare_addresses(VM_SPARE_ADDRESSES))
		return 0;
	int error = *text != NULL ? ENOEXEC : ENOMEM;
	release(i);
	return error;
}

const struct vm_code vm_native = {make, call, release, free_module};
