/* What the runtime uses of string.h, for wasm/native.sh, which has no C library. */
#ifndef WASM2LLVM_STRING_H
#define WASM2LLVM_STRING_H

#include <stddef.h>

void *memcpy(void *restrict, const void *restrict, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
size_t strlen(const char *);

#endif /* WASM2LLVM_STRING_H */
