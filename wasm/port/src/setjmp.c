/*
 * What clang's lowering of setjmp and longjmp calls (LLVM's
 * WebAssemblyLowerEmscriptenEHSjLj.cpp). setjmp notes in the buffer which call
 * of which function made it; longjmp throws, and each function that called
 * setjmp catches and asks whether the buffer is one of its own.
 */
#include <setjmp.h>
#include <stdint.h>

struct buffer {
	void *invocation;
	uint32_t label;
};
_Static_assert(sizeof(struct buffer) <= sizeof(__jmp_buf), "jmp_buf too small");

void __wasm_setjmp(struct buffer *b, uint32_t label, void *invocation)
{
	b->invocation = invocation;
	b->label = label;
}

uint32_t __wasm_setjmp_test(struct buffer *b, void *invocation)
{
	return b->invocation == invocation ? b->label : 0;
}

/* throw.s: throws the one exception object of this process, whose payload is
 * the address given with the first throw. */
_Noreturn void __throw_once(void *);

_Noreturn void __wasm_longjmp(struct buffer *b, int val)
{
	static struct {
		struct buffer *b;
		int val;
	} thrown;

	thrown.b = b;
	thrown.val = val ? val : 1;
	__throw_once(&thrown);
}
