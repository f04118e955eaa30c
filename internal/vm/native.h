/* Programs as native code (native_linux_amd64.c). */
#ifndef NATIVE_H
#define NATIVE_H

#include "machine.h"

/* vm_module_native makes a module of a shared object that wasm/native.sh made. */
char *vm_module_native(struct vm_engine *, const char *path, struct vm_module **);

#endif /* NATIVE_H */
