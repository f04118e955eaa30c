#!/usr/bin/perl
# Seals a relocatable wasm object, as linking a shared library would: its symbols
# become local, but for the ones that the world may see. Those get a prefix, so
# that programs and modules with equal names can be linked into one.
#
#	seal.pl IN OUT PREFIX [NAME...]
#
# Kept are the symbols named, or, without names, those of default visibility.
# Prints each kept function: name, parameter types, result types ("f i32 i64"; -
# for none, commas between several). The format is LLVM's, described in
# WebAssembly/tool-conventions, Linking.md.
use strict;
use warnings;

my ($in, $out, $prefix, @names) = @ARGV;
my %keep = map { $_ => 1 } @names;
my ($WEAK, $LOCAL, $HIDDEN, $UNDEFINED, $EXPLICIT_NAME) = (1, 2, 4, 16, 64);
my ($FUNCTION, $DATA, $SECTION) = (0, 1, 3);
my %type_name = (0x7f => 'i32', 0x7e => 'i64', 0x7d => 'f32', 0x7c => 'f64');

open my $fh, '<:raw', $in or die "$in: $!\n";
my $file = do { local $/; <$fh> };
close $fh;

my ($buf, $pos);    # what the readers below read

sub uleb {
	my ($n, $shift) = (0, 0);
	while (1) {
		my $b = ord substr $buf, $pos++, 1;
		$n |= ($b & 0x7f) << $shift;
		return $n if $b < 0x80;
		$shift += 7;
	}
}

sub bytes { my $n = shift; $pos += $n; return substr $buf, $pos - $n, $n }
sub name { return bytes(uleb()) }

sub enc {
	my ($n, $s) = (shift, '');
	do { my $b = $n & 0x7f; $n >>= 7; $s .= chr($n ? $b | 0x80 : $b) } while $n;
	return $s;
}
sub enc_name { my $s = shift; return enc(length $s) . $s }

my (@types, @functions);    # function types as text; the type of each function

sub read_types {
	for (1 .. uleb()) {
		die "$in: not a function type\n" unless uleb() == 0x60;
		push @types, join ' ', map {
			my @t = map { $type_name{$_} // '?' } map { uleb() } 1 .. uleb();
			@t ? join(',', @t) : '-';
		} 1, 2;
	}
}

sub read_imports {
	for (1 .. uleb()) {
		name();
		name();
		my $kind = uleb();
		if ($kind == 0) { push @functions, $types[uleb()] }
		elsif ($kind == 1) { uleb(); limits() }
		elsif ($kind == 2) { limits() }
		elsif ($kind == 3) { uleb(); uleb() }
		elsif ($kind == 4) { uleb(); uleb() }
		else { die "$in: import of kind $kind\n" }
	}
}
sub limits { my $flags = uleb(); uleb(); uleb() if $flags & 1 }

sub seal_symbols {
	my $s = '';
	my $n = uleb();
	$s .= enc($n);
	for (1 .. $n) {
		my ($kind, $flags) = (uleb(), uleb());
		my $undefined = $flags & $UNDEFINED;
		if ($kind == $SECTION) {
			$s .= enc($kind) . enc($flags) . enc(uleb());
			next;
		}
		my $index = $kind == $DATA ? undef : uleb();
		my $name = $kind == $DATA || !$undefined || $flags & $EXPLICIT_NAME ? name() : undef;
		my @place = $kind == $DATA && !$undefined ? map { uleb() } 1 .. 3 : ();

		if (!$undefined && !($flags & $LOCAL)) {
			if (@names ? $keep{$name} : !($flags & $HIDDEN)) {
				print "$name $functions[$index]\n" if $kind == $FUNCTION;
				$name = $prefix . $name;
				$flags &= ~$HIDDEN;
			} else {
				$flags = $flags & ~$WEAK | $LOCAL;
			}
		}
		$s .= enc($kind) . enc($flags);
		$s .= enc($index) if defined $index;
		$s .= enc_name($name) if defined $name;
		$s .= join '', map { enc($_) } @place;
	}
	return $s;
}

sub seal_linking {
	my $end = length $buf;
	my $s = enc_name(name()) . enc(uleb());
	while ($pos < $end) {
		my ($type, $size) = (uleb(), uleb());
		my $body = $type == 8 ? seal_symbols() : bytes($size);
		$s .= enc($type) . enc(length $body) . $body;
	}
	return $s;
}

my $result = substr $file, 0, 8;
my $at = 8;
while ($at < length $file) {
	($buf, $pos) = ($file, $at);
	my ($id, $size) = (uleb(), uleb());
	my $body = bytes($size);
	$at = $pos;
	($buf, $pos) = ($body, 0);
	if ($id == 1) { read_types() }
	elsif ($id == 2) { read_imports() }
	elsif ($id == 3) { push @functions, $types[uleb()] for 1 .. uleb() }
	elsif ($id == 0 && name() eq 'linking') { $pos = 0; $body = seal_linking() }
	$result .= chr($id) . enc(length $body) . $body;
}
open $fh, '>:raw', $out or die "$out: $!\n";
print $fh $result;
close $fh or die "$out: $!\n";
