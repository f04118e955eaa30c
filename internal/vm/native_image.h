/* Images of native code, mapped (native_map.c), and what native.c and native_signal.c share of a module. */
#ifndef NATIVE_IMAGE_H
#define NATIVE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wasm2llvm.h"

/* Where an image comes from: an open file, which is mapped; else (fd < 0) bytes, which are copied. */
struct vm_source {
	int fd;
	const char *bytes;
	uint64_t len;
};

struct vm_image {
	char *at;       /* where the image's address 0 is */
	uint64_t len;   /* of what is mapped there */
	const struct wasm_image *info;
	uintptr_t text_start, text_end; /* the segment with code */
	uint64_t file_at; /* where in the file the memory's image is, if there is one (wasm_module.image) */
	bool copied;    /* the code is a copy in memory, as it could not be mapped from the file */
};

/*
 * vm_image_map maps an image, which must be of this processor and format, and made of the module with the hash. NULL, or an error
 * text for the caller to free, and then nothing is mapped.
 */
char *vm_image_map(const struct vm_source *, const uint8_t hash[32], struct vm_image *);
void vm_image_unmap(struct vm_image *);

/* What a module is as native code: vm_module.native. */
struct native {
	struct vm_image image;
	const struct wasm_module *module; /* of the image */
	int file;                         /* the image's, for instances to map the memory from; -1: copy it */
	void (*start)(void *base, void *values);
	struct wasm_entry *entries; /* of the first table */
	uint64_t entries_len;       /* in bytes, whole pages */
	int table;                  /* a file in memory with the entries, for instances to map; -1: copy them */
	bool linkable;              /* instances have room below them for side modules */
	int64_t side_low;           /* where the state of the next side module ends, from the base; see native_side.c */
};

#endif /* NATIVE_IMAGE_H */
