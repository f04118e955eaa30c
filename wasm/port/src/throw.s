# __throw_once(payload) throws the longjmp exception, always the same object.
#
# wasmtime (44, and 39) frees no exception object before the process ends: 48
# bytes per throw, which a session that catches errors in a loop adds up. So the
# first throw is caught right here by reference, the reference kept in a table,
# and from then on that one object is thrown again; its payload, the address of
# a static pair, stays the same. It is faster, too. (A table, because LLVM 22
# crashes on a defined global of this type.)

	.tagtype	__c_longjmp i32
	.globl	__c_longjmp
__c_longjmp:

# What C++ throws. It is here for side modules, which share it.
	.tagtype	__cpp_exception i32
	.globl	__cpp_exception
__cpp_exception:

	.tabletype	thrown, exnref, 1
thrown:

	.globl	__throw_once
	.type	__throw_once,@function
__throw_once:
	.functype	__throw_once (i32) -> ()
	block
	i32.const	0
	table.get	thrown
	ref.is_null
	i32.eqz
	br_if	0
	i32.const	0
	block	exnref
	try_table	(catch_all_ref 0)
	local.get	0
	throw	__c_longjmp
	end_try_table
	unreachable
	end_block
	table.set	thrown
	end_block
	i32.const	0
	table.get	thrown
	throw_ref
	end_function
