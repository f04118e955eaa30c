/*
 * What a signal handler reads and sets of the thread that it interrupted: everything about signals
 * that depends on the system and the processor. Includes <ucontext.h>; _GNU_SOURCE comes first.
 *
 *	context_pc, context_set_pc  the program counter
 *	context_sp                  the stack pointer
 *	context_call                has the thread call f, which does not return, on another stack: sp is its top, 16-byte aligned
 *	context_saved               writes the registers that a function must preserve, as wasm_frames takes them
 */
#ifndef CONTEXT_H
#define CONTEXT_H

#include <signal.h>
#include <stdint.h>
#include <string.h>

#ifdef __APPLE__
#include <sys/ucontext.h>
#else
#include <ucontext.h>
#endif

#if defined __linux__ && defined __x86_64__

static inline uintptr_t context_pc(const ucontext_t *c) { return (uintptr_t)c->uc_mcontext.gregs[REG_RIP]; }
static inline void context_set_pc(ucontext_t *c, uintptr_t pc) { c->uc_mcontext.gregs[REG_RIP] = (greg_t)pc; }
static inline uintptr_t context_sp(const ucontext_t *c) { return (uintptr_t)c->uc_mcontext.gregs[REG_RSP]; }

static inline void context_call(ucontext_t *c, void (*f)(void), uintptr_t sp)
{
	c->uc_mcontext.gregs[REG_RSP] = (greg_t)(sp - 8); /* as behind a return address */
	c->uc_mcontext.gregs[REG_RIP] = (greg_t)f;
}

static inline void context_saved(const ucontext_t *c, uint64_t *saved)
{
	static const int order[] = {REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15};

	for (unsigned k = 0; k < sizeof order / sizeof *order; k++)
		saved[k] = (uint64_t)c->uc_mcontext.gregs[order[k]];
}

#elif defined __linux__ && defined __aarch64__

static inline uintptr_t context_pc(const ucontext_t *c) { return (uintptr_t)c->uc_mcontext.pc; }
static inline void context_set_pc(ucontext_t *c, uintptr_t pc) { c->uc_mcontext.pc = pc; }
static inline uintptr_t context_sp(const ucontext_t *c) { return (uintptr_t)c->uc_mcontext.sp; }

static inline void context_call(ucontext_t *c, void (*f)(void), uintptr_t sp)
{
	c->uc_mcontext.sp = sp;
	c->uc_mcontext.pc = (uintptr_t)f;
}

/* The floating-point registers are in a record behind the others; the kernel writes it first. */
static inline void context_saved(const ucontext_t *c, uint64_t *saved)
{
	const struct fpsimd_context *fp = (const void *)c->uc_mcontext.__reserved;

	for (unsigned k = 0; k < 11; k++)
		saved[k] = c->uc_mcontext.regs[19 + k];
	for (unsigned k = 0; k < 8; k++)
		saved[11 + k] = fp->head.magic == FPSIMD_MAGIC ? (uint64_t)fp->vregs[8 + k] : 0;
}

#elif defined __APPLE__ && defined __x86_64__

static inline uintptr_t context_pc(const ucontext_t *c) { return (uintptr_t)c->uc_mcontext->__ss.__rip; }
static inline void context_set_pc(ucontext_t *c, uintptr_t pc) { c->uc_mcontext->__ss.__rip = pc; }
static inline uintptr_t context_sp(const ucontext_t *c) { return (uintptr_t)c->uc_mcontext->__ss.__rsp; }

static inline void context_call(ucontext_t *c, void (*f)(void), uintptr_t sp)
{
	c->uc_mcontext->__ss.__rsp = sp - 8; /* as behind a return address */
	c->uc_mcontext->__ss.__rip = (uintptr_t)f;
}

static inline void context_saved(const ucontext_t *c, uint64_t *saved)
{
	const _STRUCT_X86_THREAD_STATE64 *s = &c->uc_mcontext->__ss;
	const uint64_t registers[] = {s->__rbx, s->__rbp, s->__r12, s->__r13, s->__r14, s->__r15};

	memcpy(saved, registers, sizeof registers);
}

#elif defined __APPLE__ && defined __aarch64__

static inline uintptr_t context_pc(const ucontext_t *c) { return (uintptr_t)c->uc_mcontext->__ss.__pc; }
static inline void context_set_pc(ucontext_t *c, uintptr_t pc) { c->uc_mcontext->__ss.__pc = pc; }
static inline uintptr_t context_sp(const ucontext_t *c) { return (uintptr_t)c->uc_mcontext->__ss.__sp; }

static inline void context_call(ucontext_t *c, void (*f)(void), uintptr_t sp)
{
	c->uc_mcontext->__ss.__sp = sp;
	c->uc_mcontext->__ss.__pc = (uintptr_t)f;
}

static inline void context_saved(const ucontext_t *c, uint64_t *saved)
{
	const _STRUCT_ARM_THREAD_STATE64 *s = &c->uc_mcontext->__ss;

	for (unsigned k = 0; k < 10; k++)
		saved[k] = s->__x[19 + k];
	saved[10] = s->__fp;
	for (unsigned k = 0; k < 8; k++)
		saved[11 + k] = (uint64_t)c->uc_mcontext->__ns.__v[8 + k];
}

#endif

#endif /* CONTEXT_H */
