#!/bin/bash
# Inside the sid root: builds libc.a and its headers into $B/sysroot, from musl,
# our port of it, and the malloc of wasi-libc.
set -euo pipefail
B=$1 port=$1/wasm/port
cd "$B/musl"

arch=arch/wasm32
cp -r "$port/arch" $arch
for f in float ipcstat msg sem shm; do
	cp arch/riscv32/bits/$f.h $arch/bits/ # its layouts are Linux's generic 32-bit ones
done
grep -v riscv arch/riscv32/bits/syscall.h.in | cat - "$port/arch/bits/syscall.h.add" >$arch/bits/syscall.h.in
mkdir -p src/wasm obj/include/bits obj/internal
cp "$port"/src/*.[chs] "$port/abi/"* "$port"/include/*.h src/wasm/

sed -f tools/mkalltypes.sed $arch/bits/alltypes.h.in include/alltypes.h.in >obj/include/bits/alltypes.h
sed -n -e 'p; s/__NR_/SYS_/p' $arch/bits/syscall.h.in >obj/include/bits/syscall.h
echo '#define VERSION "1.2.6"' >obj/internal/version.h

include=$B/sysroot/include lib=$B/sysroot/lib
mkdir -p "$include/bits" "$lib"
cp -r include/* "$port"/include/*.h "$include/"
cp arch/generic/bits/* "$include/bits/"
cp $arch/bits/*.h obj/include/bits/*.h "$include/bits/"
rm "$include/alltypes.h.in"

make -s -j"$(nproc)" -f "$port/libc.mk" PREFIX_MAP="-ffile-prefix-map=$B=."

cp obj/wasm/start.o obj/wasm/shell.o "$lib/"
rm obj/wasm/start.o obj/wasm/shell.o
(cd obj && llvm-ar-22 x /usr/lib/wasm32-wasi/libc.a dlmalloc.c.obj)
rm -f "$lib/libc.a"
find obj -name '*.o' -o -name '*.obj' | sort | xargs llvm-ar-22 qcsD "$lib/libc.a"
