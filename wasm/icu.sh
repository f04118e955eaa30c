#!/bin/bash
# Inside the sid root: builds what PostgreSQL calls of ICU into $B/sysroot, from its folder in $B: collation, case
# mapping, names of locales. Of the data it takes all collations, and what names and conversions need; formats,
# translations, time zones and the like are left out. The data is linked in like a constant.
# shellcheck disable=SC2016 # the shells of xargs expand these
set -euo pipefail
B=$1
export PATH=$B/wasm:$PATH
ar=llvm-ar-22 lib=$B/sysroot/lib objects=$B/icu-objects
cd "$B/icu/source"
rm -rf "$objects"
mkdir "$objects"

flags=(-O2 -w -std=c++17 -fno-exceptions "-ffile-prefix-map=$B=." -Icommon -Ii18n -DNDEBUG -DU_STATIC_IMPLEMENTATION
	-DUCONFIG_NO_FILE_IO=1 -DUCONFIG_NO_SERVICE=1 -DUCONFIG_NO_FORMATTING=1 -DUCONFIG_NO_TRANSLITERATION=1
	-DUCONFIG_NO_REGULAR_EXPRESSIONS=1 -DUCONFIG_NO_IDNA=1)
i18n=(i18n/{coll*,ucol*,u*collationiterator,bocsu,rulebasedcollator,sortkey,coleitr,ucln_in}.cpp)
{
	sed 's/.*/common & -DU_COMMON_IMPLEMENTATION/; s/ / common\//' common/sources.txt
	printf 'i18n %s -DU_I18N_IMPLEMENTATION\n' "${i18n[@]}"
} | FLAGS="${flags[*]}" OBJECTS=$objects xargs -P "$(nproc)" -L 1 sh -ec 'wasm32-c++ $FLAGS "$3" -c "$2" -o "$OBJECTS/$1-$(basename "$2" .cpp).o"' sh
rm -f "$lib"/libicu*.a
$ar qcsD "$lib/libicuuc.a" "$objects"/common-*.o
$ar qcsD "$lib/libicui18n.a" "$objects"/i18n-*.o

# data NAME ITEM... makes lib/libNAME.a of items of ICU's data.
data() {
	local file=$objects/$1
	icudata.pl data/in/icudt78l.dat "$file.dat" "${@:2}"
	cat >"$file.c" <<-END
		/* udata.cpp knows it by this name. */
		const unsigned char data[] __asm__("icudt78_dat") __attribute__((aligned(16))) = {
		#embed "$1.dat"
		};
	END
	wasm32-cc -O2 -std=c23 -c "$file.c" -o "$file.o"
	$ar qcsD "$lib/lib$1.a" "$file.o"
}
names=({res_index,keyTypeData,timezoneTypes,langInfo,metadata}.res) # of locales, in any form
english=({lang,region}/{pool,root,res_index,en}.res)                # collations are commented in it
breaks=(brkitr/{'*.res','word*.brk'})                               # initcap asks where words begin
converters=(                                                        # of the encodings that a database may have
	{euc-jp-2007,euc-tw-2014,ibm-1383_P110-1999,ibm-970_P110_P110-2006_U2}.cnv
	{ibm-912_P100-1995,ibm-913_P100-2000,ibm-914_P100-1995,ibm-915_P100-1995,ibm-1089_P100-1995,ibm-9005_X110-2007}.cnv
	{ibm-5012_P100-1999,ibm-920_P100-1995,iso-8859_10-1998,ibm-921_P100-1995,iso-8859_14-1998,ibm-923_P100-1998}.cnv
	{ibm-5346_P100-1998,ibm-5347_P100-1998,ibm-5348_P100-1997,ibm-5349_P100-1998,ibm-5350_P100-1998,ibm-9447_P100-2002}.cnv
	{ibm-9448_X100-2005,ibm-9449_P100-2002,ibm-5354_P100-1998,ibm-866_P100-1995,ibm-878_P100-1996,ibm-1168_P100-2002}.cnv)
data icudata "${names[@]}" "${english[@]}" "coll/*" "${breaks[@]}" cnvalias.icu "${converters[@]}"
data icudata-initdb "${names[@]}"
