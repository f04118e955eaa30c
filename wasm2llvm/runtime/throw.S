/*
 * wasm_throw(base, exception): saves the registers that the caller's frames want back (struct
 * registers of unwind.c), has wasm_unwind set them to those of the frame that catches, and goes to
 * its landing pad, with the exception's address in the first of the two registers that a landing
 * pad looks at.
 */
	.text
	.globl	wasm_throw
	.hidden	wasm_throw
	.hidden	wasm_unwind
#if defined __x86_64__
	.type	wasm_throw, @function
wasm_throw:
	movq	(%rsp), %rax
	leaq	8(%rsp), %rcx
	pushq	%rsi
	pushq	%rax
	pushq	%rcx
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%rbp
	pushq	%rbx
	movq	%rsi, %rdx
	movq	%rdi, %rsi
	movq	%rsp, %rdi
	movq	%rsp, %rbx
	andq	$-16, %rsp
	call	wasm_unwind
	movq	%rbx, %rsi
	movq	0(%rsi), %rbx
	movq	8(%rsi), %rbp
	movq	16(%rsi), %r12
	movq	24(%rsi), %r13
	movq	32(%rsi), %r14
	movq	40(%rsi), %r15
	movq	56(%rsi), %rcx
	movq	64(%rsi), %rax
	movq	48(%rsi), %rsp
	movl	$1, %edx
	jmp	*%rcx
#elif defined __aarch64__
	.type	wasm_throw, %function
wasm_throw:
	mov	x9, sp
	sub	sp, sp, #192
	stp	x19, x20, [sp]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	str	x29, [sp, #80]
	stp	d8, d9, [sp, #88]
	stp	d10, d11, [sp, #104]
	stp	d12, d13, [sp, #120]
	stp	d14, d15, [sp, #136]
	stp	x9, x30, [sp, #152]
	str	x1, [sp, #168]
	mov	x2, x1
	mov	x1, x0
	mov	x0, sp
	bl	wasm_unwind
	mov	x9, sp
	ldp	x19, x20, [x9]
	ldp	x21, x22, [x9, #16]
	ldp	x23, x24, [x9, #32]
	ldp	x25, x26, [x9, #48]
	ldp	x27, x28, [x9, #64]
	ldr	x29, [x9, #80]
	ldp	d8, d9, [x9, #88]
	ldp	d10, d11, [x9, #104]
	ldp	d12, d13, [x9, #120]
	ldp	d14, d15, [x9, #136]
	ldp	x10, x11, [x9, #152]
	ldr	x0, [x9, #168]
	mov	x1, #1
	mov	sp, x10
	br	x11
#endif
	.size	wasm_throw, .-wasm_throw
	.section .note.GNU-stack,"",%progbits
