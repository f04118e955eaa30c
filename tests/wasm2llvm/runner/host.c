/* The runner's side of the shared object that holds translated modules and the runtime: what it calls, it calls by these pointers. */
#include "wasm2llvm.h"

__attribute__((visibility("default"))) void (*host_trap)(void *, int);
__attribute__((visibility("default"))) void (*host_uncaught)(void *, void *);
__attribute__((visibility("default"))) int (*host_grow)(void *, uint64_t, uint64_t);

void wasm_trap(void *base, int trap)
{
	host_trap(base, trap);
	__builtin_unreachable();
}

void wasm_uncaught(void *base, void *exception)
{
	host_uncaught(base, exception);
	__builtin_unreachable();
}

int wasm_grow_memory(void *base, uint64_t old_size, uint64_t new_size) { return host_grow(base, old_size, new_size); }

__attribute__((visibility("default"))) void runner_instantiate(const struct wasm_module *m, void *base) { wasm_instantiate(m, base); }
