/*
 * The entry of a side module's image, and what it has in place of throw.S and unwind.c: exceptions
 * are its program's to unwind (struct wasm_side).
 */
#include "wasm2llvm.h"

extern const struct wasm_module wasm_module;
extern const struct wasm_linkage wasm_linkage;
extern struct wasm_host wasm_host;
void wasm_trap_here(void);

const struct wasm_image wasm_image = {
	WASM_IMAGE_MAGIC, WASM_IMAGE_FORMAT, 0, &wasm_module, &wasm_host, NULL, wasm_trap_here, &wasm_linkage, NULL, NULL,
};

/* Only named by the unwind tables. */
int wasm_personality(void);
int wasm_personality(void) { __builtin_trap(); }
