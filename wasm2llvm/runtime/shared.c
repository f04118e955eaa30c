/*
 * What a shared object of translated modules calls in the program that loads it, by pointers that the program sets
 * (struct wasm_host), and an instruction that traps, for a host that ends an instance from outside.
 */
#include "wasm2llvm.h"

#include <string.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT struct wasm_host wasm_host;

void wasm_trap(void *base, int trap)
{
	wasm_host.trap(base, trap);
	__builtin_unreachable();
}

void wasm_uncaught(void *base, void *exception)
{
	wasm_host.uncaught(base, exception);
	__builtin_unreachable();
}

int wasm_grow_memory(void *base, uint64_t old_size, uint64_t new_size)
{
	return wasm_host.grow(base, old_size, new_size);
}

/* What C code expects, and what the compiler makes of copies. */
void *memmove(void *to, const void *from, size_t n) { return wasm_host.move(to, from, n); }
void *memcpy(void *to, const void *from, size_t n) { return wasm_host.move(to, from, n); }
void *memset(void *to, int value, size_t n) { return wasm_host.set(to, value, n); }

EXPORT void wasm_host_instantiate(const struct wasm_module *m, void *base)
{
	wasm_instantiate(m, base);
}

EXPORT void wasm_trap_here(void);
void wasm_trap_here(void) { __builtin_trap(); }
