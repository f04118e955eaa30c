/* The entry of an image, which is a shared object of one module without a prefix (wasm2llvm.h). */
#include "wasm2llvm.h"

extern const struct wasm_module wasm_module;
extern const struct wasm_linkage wasm_linkage;
extern struct wasm_host wasm_host;
void wasm_trap_here(void);
void wasm_throw(void *base, void *exception);

const struct wasm_image wasm_image = {
	WASM_IMAGE_MAGIC, WASM_IMAGE_FORMAT, 0, &wasm_module, &wasm_host, wasm_frames, wasm_trap_here, &wasm_linkage, wasm_throw,
	wasm_add_image,
};
