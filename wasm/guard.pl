#!/usr/bin/perl
# Writes, in assembly, what keeps C++ exceptions out of PostgreSQL: for each function of a module that the server can ask
# for by name, another one, guard.NAME, which calls it, and reports an exception that comes out (port/cxx/guard.cpp).
# dlsym gives those. Standard input: lines "NAME PARAMETERS RESULTS", as seal.pl prints them.
use strict;
use warnings;

my %seen;
print "\t.globaltype\t__stack_pointer, i32\n\t.tagtype\t__cpp_exception i32\n\t.functype\t__guard_report (i32, i32, i32) -> ()\n";
while (<STDIN>) {
	chomp;
	my ($name, $params, $results) = split / /;
	next if $seen{$name}++ || $name =~ /^_Z|^pg_finfo_|^Pg_magic_func$|[^\w]/ || "$params$results" =~ /\?/;
	s/^-$// for $params, $results;
	my @params = split /,/, $params;
	my $n = @params;
	my $type = '(' . join(', ', @params) . ") -> ($results)";
	my ($sp, $handler, $context) = ($n, $n + 1, $n + 2);
	my $arguments = join '', map { "\tlocal.get\t$_\n" } 0 .. $n - 1;
	print <<END;
	.functype	$name $type
	.section	.text.guard.$name,"",\@
	.globl	guard.$name
	.type	guard.$name,\@function
guard.$name:
	.functype	guard.$name $type
	.local	i32, i32, i32
	global.get	__stack_pointer
	local.set	$sp
	global.get	PG_exception_stack\@GOT
	i32.load	0
	local.set	$handler
	global.get	error_context_stack\@GOT
	i32.load	0
	local.set	$context
	block	i32
	try_table	(catch __cpp_exception 0)
$arguments	call	$name
	return
	end_try_table
	unreachable
	end_block
	local.get	$sp
	global.set	__stack_pointer
	local.get	$handler
	local.get	$context
	call	__guard_report
	unreachable
	end_function
END
}
