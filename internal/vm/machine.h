/*
 * The engine, its modules and the threads that instances run on. Go holds opaque pointers to these; the only
 * functions that C calls in Go are vmBegin, vmSyscall, vmDetach and vmEnd (host.go).
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fastpath.h"
#include "wasmtime_abi.h"

struct vm_engine;
struct vm_module;
struct vm_instance;

/*
 * vm_engine_new returns NULL if out of memory. stack is the size in bytes of an instance's thread stack, of which
 * the last HOST_STACK bytes are kept for host calls; both are multiples of the page size.
 */
enum { HOST_STACK = 2 << 20 };
struct vm_engine *vm_engine_new(size_t stack, uint64_t guard);

/* vm_engine_wait blocks until no thread of the engine is left. */
void vm_engine_wait(struct vm_engine *);

/* vm_engine_free needs vm_engine_wait first, and every module freed. */
void vm_engine_free(struct vm_engine *);

/*
 * The functions that return char * return NULL on success, else an error text for the caller to free.
 *
 * vm_compile compiles wasm; the artefact goes to *artefact, to be freed with wasm_byte_vec_delete.
 * vm_module_new makes a module of a file that holds an artefact (and perhaps more behind it).
 * vm_module_copy makes a module of an artefact in memory, which it copies.
 * A side module is not started, but put into an instance.
 */
char *vm_compile(const struct vm_engine *, const uint8_t *wasm, size_t len, wasm_byte_vec_t *artefact);
char *vm_module_new(struct vm_engine *, const char *path, bool side, struct vm_module **);
char *vm_module_copy(struct vm_engine *, const uint8_t *artefact, size_t len, bool side, struct vm_module **);
void vm_module_free(struct vm_module *);

/* vm_module_image returns the range of memory that holds the module's artefact, an ELF image. */
void vm_module_image(const struct vm_module *, void **start, void **end);

/*
 * vm_start makes an instance of the module, and a thread on which it runs. slot is what the Go functions are called with; *out
 * may be used until vmEnd returns. The instance's memory may grow by heap bytes, if that is not 0; behind the new thread there
 * must be room for so many spare ones. 0 or an errno, and then perhaps an error text for the caller to free.
 */
int vm_start(struct vm_module *, uint32_t slot, uint64_t heap, unsigned spare, struct vm_instance **out, char **text);

/* vm_instance_size is how much address space an instance takes, in bytes, at most. */
uint64_t vm_instance_size(const struct vm_engine *, bool native);

/*
 * vm_heap_size is by how many bytes an instance's memory has grown; with wasmtime, by its last system
 * call that was not the fast path's. Any thread may ask between vmBegin and vmDetach.
 */
uint64_t vm_heap_size(const struct vm_instance *);

/* Why an instance ended; vmEnd gets one of these. */
enum vm_end {
	VM_END_RETURNED,       /* _start returned */
	VM_END_DONE,           /* Go said so: a system call was the last, or a host function panicked */
	VM_END_STACK_OVERFLOW, /* no text: that of a deep stack is huge */
	VM_END_TRAP,           /* code and text */
	VM_END_ERROR,          /* an error that is no trap, e.g. an uncaught exception; text */
	VM_END_KILLED,         /* vm_kill */
};

/*
 * An import of a side module: what the program exports under a name, or a global whose value is given. Names are
 * ranges of one text.
 */
enum vm_import_kind { VM_IMPORT_EXPORT, VM_IMPORT_CONSTANT, VM_IMPORT_VARIABLE };
struct vm_import {
	uint32_t kind;
	uint32_t name, name_len;
	uint32_t value;
};

/*
 * vm_link puts a side module into an instance, in a call of the instance; its number goes to *side. NULL, or an error
 * text for the caller to free. The module's start function runs; a system call in it is an error.
 *
 * vm_set_slot puts a function into the instance's table: that which the program (side < 0) or a side module exports
 * under the name.
 */
enum { VM_SIDES = 64 };
char *vm_link(struct vm_instance *, struct vm_module *, const struct vm_import *, size_t n, const char *names, int *side);
char *vm_set_slot(struct vm_instance *, int side, const char *name, size_t len, uint32_t slot);

/*
 * vm_kill ends an instance that runs guest code without making calls. ENOTSUP: this host or module cannot. EAGAIN: it is
 * in a system call, and will end when that returns. 0: the request was sent, but may have come at a moment when it
 * could not be heeded. The caller repeats the request until vmEnd. vm_kill_prepare comes first, in the same lock.
 *
 * vm_set_trap_site must have told before where the module's machine code is, without trampolines, and a trapping
 * instruction in it; of a side module only the first matters.
 */
int vm_kill_prepare(void);
int vm_kill(struct vm_instance *);
void vm_set_trap_site(struct vm_module *, uintptr_t text_start, uintptr_t text_end, uintptr_t site);

#endif /* MACHINE_H */
