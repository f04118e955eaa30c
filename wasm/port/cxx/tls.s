# Thread-local variables of a side module. LLVM 22's linker gives __tls_base the
# place of the first within the module's data, as if that began at 0; this one is
# in its place, and a constructor adds where the module's data really is. It is in
# a library, so that only modules with such variables have it; in C++ that is each
# that catches an exception.

	.globaltype	__memory_base, i32, immutable
	.globaltype	__tls_base, i32
	.globl	__tls_base
__tls_base:

	.section	.tdata.first,"T",@
	.p2align	2
first:
	.int32	0
	.size	first, 4

	.section	.text.place,"",@
	.type	place,@function
place:
	.functype	place () -> ()
	global.get	__memory_base
	i32.const	first@MBREL
	i32.add
	i32.const	first@TLSREL
	i32.sub
	global.set	__tls_base
	end_function

	.section	.init_array.0,"",@
	.p2align	2
	.int32	place
