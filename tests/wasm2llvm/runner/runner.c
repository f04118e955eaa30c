/*
 * Runs translated modules for the tests: runner OBJECT.so reads commands and answers each with a
 * line.
 *
 *	new I SYMBOL          makes instance I of the module (instead of an older one), with the imports of link and of "spectest"
 *	call I NAME N V...    calls the instance's export, which has N results, with values of 32 hexadecimal digits
 *	get I NAME            reads a global
 *	link MODULE I         what later modules import from MODULE is the instance's exports
 *	sum I                 a hash of the instance's memory
 *
 * A NAME is in hexadecimal, or - if it is empty. Answers: "ok V...", "trap NUMBER", "exception",
 * "none" (no such instance), "link TEXT" (cannot be linked). Memories, tables and variables are
 * never shared between instances: "link shared import".
 */
#define _GNU_SOURCE
#include "wasm2llvm.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { INSTANCES = 4096, LINKS = 64, STACK = 1 << 20, GUARD = 1 << 16, VALUES = 1024 };

struct instance {
	const struct wasm_module *module;
	char *map, *base;
	size_t mapped;
	bool shares; /* something that another instance imports, and would have to share */
};

static struct instance instances[INSTANCES];
static struct { char name[256]; int instance; } links[LINKS];
static int link_count;

static char *stack;          /* the guest's: guard, stack */
static sigjmp_buf leave;
static volatile int ended;   /* trap, or -1: an exception */
static void *current;        /* base of the instance that was called */

/* ---- traps ---- */

static _Noreturn void host_trap(void *base, int trap)
{
	(void)base;
	ended = trap;
	siglongjmp(leave, 1);
}

static _Noreturn void host_uncaught(void *base, void *exception)
{
	(void)base, (void)exception;
	ended = -1;
	siglongjmp(leave, 1);
}

enum { SPECTEST_PAGES = 1, SPECTEST_MAX = 2, SPECTEST_ELEMENTS = 10 };

static const struct wasm_import *imported_memory(const struct wasm_module *m)
{
	for (uint64_t k = 0; k < m->imports_len; k++)
		if (m->imports[k].kind == WASM_MEMORY)
			return &m->imports[k];
	return NULL;
}

static int host_grow(void *base, uint64_t old_size, uint64_t new_size)
{
	if (imported_memory(WASM_HOST(base)) != NULL && new_size > (uint64_t)SPECTEST_MAX << 16)
		return -1;
	return mprotect((char *)base + old_size, new_size - old_size, PROT_READ | PROT_WRITE);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *c = context;
#if defined __x86_64__
	const void *pc = (const void *)c->uc_mcontext.gregs[REG_RIP];
#else
	const void *pc = (const void *)c->uc_mcontext.pc;
#endif
	const char *at = info->si_addr;

	if (current == NULL)
		abort();
	if (sig == SIGSEGV || sig == SIGBUS) {
		if (at >= stack && at < stack + GUARD)
			ended = WASM_TRAP_STACK_OVERFLOW;
		else
			for (int k = 0; k < INSTANCES && ended == 0; k++)
				if (instances[k].base != NULL && at >= instances[k].base && at < instances[k].base + WASM_RESERVE)
					ended = WASM_TRAP_MEMORY_OUT_OF_BOUNDS;
	} else {
		ended = wasm_trap_of(pc);
	}
	if (ended == 0) {
		fprintf(stderr, "runner: signal %d at %p, address %p\n", sig, pc, (const void *)at);
		abort();
	}
	siglongjmp(leave, 1);
}

/* on_stack calls f(base, values) on the guest's stack. */
void on_stack(void (*f)(void *, void *), void *base, void *values, void *top);
#if defined __x86_64__
__asm__(".text\n.globl on_stack\non_stack:\n"
	"pushq %rbp\nmovq %rsp, %rbp\nmovq %rdi, %rax\nmovq %rsi, %rdi\nmovq %rdx, %rsi\nmovq %rcx, %rsp\n"
	"call *%rax\nmovq %rbp, %rsp\npopq %rbp\nret\n");
#else
__asm__(".text\n.globl on_stack\non_stack:\n"
	"stp x29, x30, [sp, #-16]!\nmov x29, sp\nmov x9, x0\nmov x0, x1\nmov x1, x2\nmov sp, x3\n"
	"blr x9\nmov sp, x29\nldp x29, x30, [sp], #16\nret\n");
#endif

/* run calls and returns 0, a trap, or -1. */
static int run(void (*f)(void *, void *), void *base, void *values)
{
	ended = 0;
	if (sigsetjmp(leave, 1) == 0) {
		current = base;
		on_stack(f, base, values, stack + GUARD + STACK);
	}
	current = NULL;
	return ended;
}

/* ---- linking ---- */

/* What the specification's tests import from "spectest". Arguments are not looked at. */
static void print(void *host) { (void)host; }

struct named { const char *name; struct wasm_entry value; };
static const struct named spectest_globals[] = {
	{"global_i32", {666, NULL}}, {"global_i64", {666, NULL}}, {"global_f32", {0x4426a666, NULL}}, {"global_f64", {0x4084d4cccccccccd, NULL}},
};

static const struct wasm_export *find_export(const struct instance *i, const char *name, uint64_t len)
{
	for (uint64_t k = 0; k < i->module->exports_len; k++) {
		const struct wasm_export *e = &i->module->exports[k];
		if (e->name_len == len && memcmp(e->name, name, len) == 0)
			return e;
	}
	return NULL;
}

static struct wasm_entry global_value(const struct instance *i, const struct wasm_export *e)
{
	if (e->slot != 0)
		return WASM_SLOT(i->base, struct wasm_entry, e->slot);
	if (e->value.kind == WASM_INIT_FUNC)
		return (struct wasm_entry){e->value.low, e->value.code};
	if (e->value.kind == WASM_INIT_GLOBAL)
		return WASM_SLOT(i->base, struct wasm_entry, (int64_t)e->value.low);
	return (struct wasm_entry){e->value.low, (const void *)e->value.high};
}

static int equal(const char *s, uint64_t len, const char *t) { return strlen(t) == len && memcmp(s, t, len) == 0; }

static const char *link_import(struct instance *i, const struct wasm_import *m)
{
	if (equal(m->module, m->module_len, "spectest")) {
		if (m->kind == WASM_FUNC)
			WASM_SLOT(i->base, struct wasm_function, m->slot) = (struct wasm_function){(const void *)print, NULL};
		if (m->kind == WASM_GLOBAL)
			for (size_t k = 0; k < sizeof spectest_globals / sizeof *spectest_globals; k++)
				if (equal(m->name, m->name_len, spectest_globals[k].name))
					WASM_SLOT(i->base, struct wasm_entry, m->slot) = spectest_globals[k].value;
		if (m->kind == WASM_TABLE)
			WASM_SLOT(i->base, uint32_t, i->module->tables[m->index].size_slot) = SPECTEST_ELEMENTS;
		return m->kind == WASM_TAG ? "unknown import" : NULL;
	}
	for (int k = link_count - 1; k >= 0; k--) {
		if (!equal(m->module, m->module_len, links[k].name))
			continue;
		struct instance *from = &instances[links[k].instance];
		if (from->base == NULL)
			return "shared import";
		const struct wasm_export *e = find_export(from, m->name, m->name_len);
		if (e == NULL || e->kind != m->kind)
			return "unknown import";
		switch (m->kind) {
		case WASM_FUNC:
			WASM_SLOT(i->base, struct wasm_function, m->slot) = (struct wasm_function){e->direct, from->base};
			return NULL;
		case WASM_TAG:
			WASM_SLOT(i->base, uint32_t, m->slot) = e->slot != 0 ? WASM_SLOT(from->base, uint32_t, e->slot) : e->number;
			return NULL;
		case WASM_GLOBAL:
			if (e->slot != 0 || e->value.kind == WASM_INIT_FUNC)
				break;
			WASM_SLOT(i->base, struct wasm_entry, m->slot) = global_value(from, e);
			return NULL;
		}
		from->shares = true;
		return "shared import";
	}
	return "unknown import";
}

/* ---- commands ---- */

static void (*instantiate_so)(const struct wasm_module *, void *);
static void enter_instantiate(void *base, void *module) { instantiate_so(module, base); }

static void new_instance(void *so, char *args)
{
	int number = atoi(strtok(args, " "));
	const char *symbol = strtok(NULL, " ");
	struct instance made = {0}, *i = &made;
	const struct wasm_module *m = dlsym(so, symbol);
	uint64_t size;

	if (m == NULL || number < 0 || number >= INSTANCES) {
		printf("link no module %s\n", symbol);
		return;
	}
	i->module = m;
	i->mapped = m->state + WASM_RESERVE;
	i->map = mmap(NULL, i->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (i->map == MAP_FAILED) {
		printf("link mmap\n");
		return;
	}
	i->base = i->map + m->state;
	size = (uint64_t)m->memory_min << 16;
	if (imported_memory(m) != NULL && size < (uint64_t)SPECTEST_PAGES << 16)
		size = (uint64_t)SPECTEST_PAGES << 16;
	mprotect(i->map, m->state + size, PROT_READ | PROT_WRITE);
	WASM_SIZE(i->base) = size;
	WASM_HOST(i->base) = (void *)m;
	WASM_STACK_TOP(i->base) = (uint64_t)(stack + GUARD + STACK);
	for (uint64_t k = 0; k < m->imports_len; k++) {
		const char *text = link_import(i, &m->imports[k]);
		if (text != NULL) {
			printf("link %s\n", text);
			munmap(i->map, i->mapped);
			return;
		}
	}
	if (instances[number].base != NULL)
		munmap(instances[number].map, instances[number].mapped);
	instances[number] = made; /* what a trap leaves behind may be in use */
	int end = run(enter_instantiate, i->base, (void *)m);
	if (end == 0)
		printf("ok\n");
	else if (end > 0)
		printf("trap %d\n", end);
	else
		printf("exception\n");
}

/* numbered answers "none" and returns NULL if there is no such instance, or it shares what cannot be shared. */
static struct instance *numbered(const char *s)
{
	int k = atoi(s);
	if (k >= 0 && k < INSTANCES && instances[k].base != NULL && !instances[k].shares)
		return &instances[k];
	printf("none\n");
	return NULL;
}

static void print_value(const uint64_t *v) { printf(" %016llx%016llx", (unsigned long long)v[1], (unsigned long long)v[0]); }

/* Names come in hexadecimal, as they may have spaces. */
static size_t unhex(const char *s, char *out)
{
	size_t n = strlen(s) / 2;
	for (size_t k = 0; k < n; k++) {
		unsigned c;
		sscanf(s + 2 * k, "%2x", &c);
		out[k] = (char)c;
	}
	return n;
}

static void call(char *args)
{
	static uint64_t values[2 * VALUES] __attribute__((aligned(16)));
	static char name[1 << 16];
	struct instance *i = numbered(strtok(args, " \n"));
	const char *hex = strtok(NULL, " \n");
	int results = atoi(strtok(NULL, " \n"));
	size_t len = *hex == '-' ? 0 : unhex(hex, name), n = 0;
	const struct wasm_export *e = i != NULL ? find_export(i, name, len) : NULL;

	if (i == NULL)
		return;
	for (char *v; (v = strtok(NULL, " \n")) != NULL && n < VALUES; n++) {
		char high[17] = {0};
		memcpy(high, v, 16);
		values[2 * n + 1] = strtoull(high, NULL, 16);
		values[2 * n] = strtoull(v + 16, NULL, 16);
	}
	if (e == NULL || e->kind != WASM_FUNC) {
		printf("link no function\n");
		return;
	}
	int end = run(e->enter, i->base, values);
	if (end > 0)
		printf("trap %d\n", end);
	else if (end < 0)
		printf("exception\n");
	else {
		printf("ok");
		for (int k = 0; k < results; k++)
			print_value(values + 2 * k);
		printf("\n");
	}
}

static void get(char *args)
{
	static char name[1 << 16];
	struct instance *i = numbered(strtok(args, " \n"));
	size_t len = unhex(strtok(NULL, " \n"), name);
	const struct wasm_export *e = i != NULL ? find_export(i, name, len) : NULL;

	if (i == NULL)
		return;
	if (e == NULL || e->kind != WASM_GLOBAL) {
		printf("link no global\n");
		return;
	}
	struct wasm_entry v = global_value(i, e);
	printf("ok");
	print_value((const uint64_t *)&v);
	printf("\n");
}

static uint64_t hash(uint64_t h, const void *data, size_t n)
{
	const unsigned char *p = data;
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		h = (h ^ w) * 0x100000001b3ull;
		h ^= h >> 29;
	}
	for (; n > 0; p++, n--)
		h = (h ^ *p) * 0x100000001b3ull;
	return h;
}

static void sum(char *args)
{
	struct instance *i = numbered(strtok(args, " \n"));

	if (i == NULL)
		return;
	uint64_t h = hash(0xcbf29ce484222325ull, i->base, WASM_SIZE(i->base));
	printf("ok %016llx\n", (unsigned long long)h);
}

int main(int argc, char **argv)
{
	static char line[1 << 20];
	static char alternate[1 << 16];
	void *so = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;

	if (so == NULL) {
		fprintf(stderr, "runner: %s\n", argc > 1 ? dlerror() : "usage: runner OBJECT.so");
		return 2;
	}
	*(struct wasm_host *)dlsym(so, "wasm_host") = (struct wasm_host){host_trap, host_uncaught, host_grow, memmove, memset};
	instantiate_so = dlsym(so, "wasm_host_instantiate");
	stack = mmap(NULL, GUARD + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(stack, GUARD, PROT_NONE);
	sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = sizeof alternate}, NULL);
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
	for (size_t k = 0; k < sizeof signals / sizeof *signals; k++)
		sigaction(signals[k], &action, NULL);
	while (fgets(line, sizeof line, stdin) != NULL) {
		char *args = strchr(line, ' ');
		line[strcspn(line, "\n")] = 0;
		if (args == NULL)
			continue;
		*args++ = 0;
		if (strcmp(line, "new") == 0)
			new_instance(so, args);
		else if (strcmp(line, "call") == 0)
			call(args);
		else if (strcmp(line, "get") == 0)
			get(args);
		else if (strcmp(line, "sum") == 0)
			sum(args);
		else if (strcmp(line, "link") == 0 && link_count < LINKS) {
			char *number = strchr(args, ' ');
			*number++ = 0;
			snprintf(links[link_count].name, sizeof links[0].name, "%s", args);
			links[link_count++].instance = atoi(number);
			printf("ok\n");
		}
	}
	return 0;
}
