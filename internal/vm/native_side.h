/* Side modules as native code (native_side.c), for native.c. */
#ifndef NATIVE_SIDE_H
#define NATIVE_SIDE_H

#include "instance.h"

/* Address space below an instance's state for that of its side modules. */
enum { VM_SIDE_STATE = 64 << 20 };

/* See vm_link and vm_set_slot. */
char *vm_native_link(struct vm_instance *, struct vm_module *, const struct vm_import *, size_t n, const char *names, uint32_t at);
char *vm_native_set_slot(struct vm_instance *, int side, const char *name, size_t len, uint32_t slot);

void vm_side_free(struct side_image *);

/* vm_side_frame writes where in a side module an address is; false: in none. */
bool vm_side_frame(const struct vm_instance *, uint64_t at, char *out, size_t n);

/* vm_native_enter calls a function of the guest on this thread, in a call of the instance. NULL, or why it did not return. (native.c) */
char *vm_native_enter(struct vm_instance *, void (*f)(void *base, void *values));

#endif /* NATIVE_SIDE_H */
