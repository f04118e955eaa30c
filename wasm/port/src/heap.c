/*
 * The heap is everything above the program's data: malloc (dlmalloc, out of
 * wasi-libc) grows it here, and private anonymous mappings come out of malloc.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "host.h"

#define PAGE 65536

extern char __heap_base[];

/* dlmalloc reports by wasi-libc's variable of this name; musl's errno is a
 * macro. Where the difference
 * could matter, sbrk has set that one too. */
int __heap_errno __asm__("errno");

void *sbrk(intptr_t n)
{
	uintptr_t end = __builtin_wasm_memory_size(0) * PAGE;

	if (!n) return (void *)end;
	if (n < 0) return (void *)-1;
	if (__builtin_wasm_memory_grow(0, ((uintptr_t)n + PAGE - 1) / PAGE) == -1ul) {
		errno = ENOMEM;
		return (void *)-1;
	}
	return (void *)end;
}

void *__libc_realloc(void *p, size_t n)
{
	return realloc(p, n);
}

hidden long __map_private(size_t n)
{
	void *p;

	if (!n || n > PTRDIFF_MAX) return -EINVAL;
	n = (n + 4095) & -4096ul;
	p = aligned_alloc(4096, n);
	if (!p) return -ENOMEM;
	memset(p, 0, n);
	return (long)p;
}

/* Shared mappings lie below the program's data (the kernel's business), private
 * ones above it, and are only ever unmapped whole. */
hidden int __unmap_private(uintptr_t p)
{
	if (p < (uintptr_t)__heap_base) return 0;
	free((void *)p);
	return 1;
}
