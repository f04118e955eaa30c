/* Programs as native code (native.c), for Go. */
#ifndef NATIVE_H
#define NATIVE_H

#include "machine.h"
#include "native_image.h"

/* vm_module_native makes a module of an image that wasm/native.sh made of the WebAssembly with the hash. */
char *vm_module_native(struct vm_engine *, const struct vm_source *, const uint8_t hash[32], struct vm_module **);

/* vm_native_copied tells whether the module's code is a copy in memory, as that file's could not be mapped. */
bool vm_native_copied(const struct vm_module *);

#endif /* NATIVE_H */
