#!/usr/bin/perl
# Takes items out of ICU's data: icudata.pl IN.dat OUT.dat NAME..., where NAME may hold *, which stands for what has no
# slash. ICU's own icupkg refuses: lists of break rules name those of lines and sentences, which nothing here asks for.
#
# The file is a header, as long as its first two bytes say, and a table: the number of items, then for each where its
# name and its data are, from the table's begin. The names are sorted.
use strict;
use warnings;

my ($in, $out, @wanted) = @ARGV;
open my $fh, '<:raw', $in or die "$in: $!\n";
my $file = do { local $/; <$fh> };
close $fh;

my $header = unpack 'v', $file;
die "$in: not ICU's data\n" unless substr($file, 12, 4) eq 'CmnD' && ord(substr $file, 8, 1) == 0;
my $table = substr $file, $header;
my $n = unpack 'V', $table;
my @places = unpack 'V*', substr $table, 4, 8 * $n;

my (@names, %data);
for my $i (0 .. $n - 1) {
	my $name = unpack 'Z*', substr $table, $places[ 2 * $i ], 200;
	my $end = $i + 1 < $n ? $places[ 2 * $i + 3 ] : length $table;
	push @names, $name;
	$data{$name} = substr $table, $places[ 2 * $i + 1 ], $end - $places[ 2 * $i + 1 ];
}

my %kept;
for my $pattern (@wanted) {
	my $re = join '[^/]*', map { quotemeta } split /\*/, $pattern, -1;
	my @found = grep { m{^[^/]*/$re$} } @names;
	die "$in has no $pattern\n" unless @found;
	@kept{@found} = ();
}
@names = grep { exists $kept{$_} } @names;

sub pad { my $s = shift; return $s . "\0" x (-length($s) % 16) }
my $text = join '', map { "$_\0" } @names;
my $at = 4 + 8 * @names;
my $place = length pad("\0" x $at . $text);
my ($entries, $bodies) = ('', '');
for my $name (@names) {
	my $body = pad($data{$name});
	$entries .= pack 'VV', $at, $place;
	$at += length($name) + 1;
	$place += length $body;
	$bodies .= $body;
}
open $fh, '>:raw', $out or die "$out: $!\n";
print $fh substr($file, 0, $header), pad(pack('V', scalar @names) . $entries . $text), $bodies;
close $fh or die "$out: $!\n";
