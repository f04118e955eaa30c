#!/usr/bin/perl
# Writes, in assembly, the table that dlopen searches (guest.h: __guest_modules).
# Standard input: lines "MODULE NAME PARAMETERS RESULTS", sorted by module, of
# functions that the linker knows as MODULE.NAME (see seal.pl), hyphens made _.
use strict;
use warnings;

my (%modules, @order, $strings, %at);
$strings = '';

sub text {
	my $s = shift;
	return $at{$s} if defined $at{$s};
	$at{$s} = length $strings;
	$strings .= "$s\0";
	return $at{$s};
}

# A module's name as part of a symbol: some have a hyphen.
sub plain { return shift =~ tr/-/_/r }

while (<STDIN>) {
	chomp;
	my ($module, $name, $params, $results) = split / /;
	push @order, $module unless $modules{$module};
	push @{ $modules{$module} }, $name;
	s/^-$// for $params, $results;
	s/,/, /g for $params, $results;
	print "\t.functype\t" . plain($module) . ".$name ($params) -> ($results)\n";
}

sub table {
	my ($symbol, $global, @words) = @_;
	print "\t.section\t.rodata.$symbol,\"\",\@\n\t.p2align\t2\n";
	print "\t.globl\t$symbol\n" if $global;
	print "$symbol:\n", (map { "\t.int32\t$_\n" } @words), "\t.size\t$symbol, ", 4 * @words, "\n";
}

for my $m (@order) {
	table("symbols." . plain($m), 0, (map { ('strings+' . text($_), plain($m) . ".$_") } @{ $modules{$m} }), 0, 0);
}
table('__guest_modules', 1, (map { ('strings+' . text($_), "symbols." . plain($_)) } @order), 0, 0);
print "\t.section\t.rodata.strings,\"\",\@\nstrings:\n";
print map { "\t.asciz\t\"$_\"\n" } split /\0/, $strings;
print "\t.size\tstrings, ", length $strings, "\n";
