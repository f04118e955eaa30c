/* Programs as native code (native.c), for Go. */
#ifndef NATIVE_H
#define NATIVE_H

#include "machine.h"
#include "native_image.h"

/* vm_module_native makes a module of an image that wasm/native.sh made of the WebAssembly with the hash. */
char *vm_module_native(struct vm_engine *, const struct vm_source *, const uint8_t hash[32], bool linkable, struct vm_module **);

/*
 * vm_native_side makes a side module of the image of one, in memory, that was made of the WebAssembly with the hash, and
 * links it to a program: once for all of the program's instances.
 */
char *vm_native_side(struct vm_module *program, const char *name, const uint8_t hash[32], const uint8_t *image, size_t n,
	struct vm_module **);

/* vm_native_linkage returns what a program or side module says of its symbols and types. */
const struct wasm_linkage *vm_native_linkage(const struct vm_module *);

/* vm_native_first_slot returns the lowest slot of its table that a program itself uses. */
uint32_t vm_native_first_slot(const struct vm_module *);

/* vm_native_copied tells whether the module's code is a copy in memory, as that file's could not be mapped. */
bool vm_native_copied(const struct vm_module *);

#endif /* NATIVE_H */
