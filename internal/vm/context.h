/*
 * What a signal handler reads and sets of the thread that it interrupted: everything about signals
 * that depends on the system and the processor. Includes <ucontext.h>; _GNU_SOURCE comes first.
 */
#ifndef CONTEXT_H
#define CONTEXT_H

#include <stdint.h>
#include <ucontext.h>

#if defined __linux__ && defined __x86_64__

static inline uintptr_t context_pc(const ucontext_t *c) { return (uintptr_t)c->uc_mcontext.gregs[REG_RIP]; }
static inline void context_set_pc(ucontext_t *c, uintptr_t pc) { c->uc_mcontext.gregs[REG_RIP] = (greg_t)pc; }
static inline uintptr_t context_sp(const ucontext_t *c) { return (uintptr_t)c->uc_mcontext.gregs[REG_RSP]; }

/* context_call has the thread call f, which does not return, on another stack: sp is its top, 16-byte aligned. */
static inline void context_call(ucontext_t *c, void (*f)(void), uintptr_t sp)
{
	c->uc_mcontext.gregs[REG_RSP] = (greg_t)(sp - 8); /* as behind a return address */
	c->uc_mcontext.gregs[REG_RIP] = (greg_t)f;
}

/* context_saved writes the registers that a function must preserve, as wasm_frames takes them. */
static inline void context_saved(const ucontext_t *c, uint64_t *saved)
{
	static const int order[] = {REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15};

	for (unsigned k = 0; k < sizeof order / sizeof *order; k++)
		saved[k] = (uint64_t)c->uc_mcontext.gregs[order[k]];
}

#elif defined __linux__ && defined __aarch64__

static inline uintptr_t context_pc(const ucontext_t *c) { return (uintptr_t)c->uc_mcontext.pc; }
static inline void context_set_pc(ucontext_t *c, uintptr_t pc) { c->uc_mcontext.pc = pc; }

#endif

#endif /* CONTEXT_H */
