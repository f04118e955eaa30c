#!/bin/bash
# Inside the sid root: builds the C++ library into $B/sysroot, from LLVM's sources in $B/llvm: libc++ and libc++abi with
# exceptions, by WebAssembly's own, which setjmp here is made of too. wasm32-c++ is its compiler.
# shellcheck disable=SC2016 # the shells of xargs expand these
set -euo pipefail
B=$1
export PATH=$B/wasm:$PATH
ar=llvm-ar-22 sysroot=$B/sysroot
headers=$sysroot/include/c++/v1
cd "$B/llvm"

# What cmake would write. Threads: mutexes and the like work, std::thread throws. No time zone database.
rm -rf "$headers"
mkdir -p "$headers"
cp -r libcxx/include/* libcxxabi/include/{cxxabi,__cxxabi_config}.h "$headers/"
rm "$headers"/{CMakeLists.txt,__config_site.in}
cp libcxx/vendor/llvm/default_assertion_handler.in "$headers/__assertion_handler"
cp libunwind/include/{unwind,unwind_itanium,__libunwind_config}.h "$headers/"
cat >"$headers/__config_site" <<'END'
#define _LIBCPP_ABI_VERSION 1
#define _LIBCPP_ABI_NAMESPACE __1
#define _LIBCPP_ABI_FORCE_ITANIUM 0
#define _LIBCPP_ABI_FORCE_MICROSOFT 0
#define _LIBCPP_HAS_THREADS 1
#define _LIBCPP_HAS_MONOTONIC_CLOCK 1
#define _LIBCPP_HAS_TERMINAL 0
#define _LIBCPP_HAS_MUSL_LIBC 1
#define _LIBCPP_HAS_THREAD_API_PTHREAD 1
#define _LIBCPP_HAS_THREAD_API_EXTERNAL 0
#define _LIBCPP_HAS_THREAD_API_WIN32 0
#define _LIBCPP_HAS_THREAD_API_C11 0
#define _LIBCPP_HAS_VENDOR_AVAILABILITY_ANNOTATIONS 0
#define _LIBCPP_HAS_FILESYSTEM 1
#define _LIBCPP_HAS_RANDOM_DEVICE 1
#define _LIBCPP_HAS_LOCALIZATION 1
#define _LIBCPP_HAS_UNICODE 1
#define _LIBCPP_HAS_WIDE_CHARACTERS 1
#define _LIBCPP_HAS_TIME_ZONE_DATABASE 0
#define _LIBCPP_INSTRUMENTED_WITH_ASAN 0
#define _LIBCPP_PSTL_BACKEND_SERIAL
#define _LIBCPP_HARDENING_MODE_DEFAULT 2
#define _LIBCPP_ASSERTION_SEMANTIC_DEFAULT 2
#define _LIBCPP_LIBC_PICOLIBC 0
#define _LIBCPP_LIBC_NEWLIB 0
END

flags=(-O2 -w -fPIC "-ffile-prefix-map=$B=." -DNDEBUG -D_LIBCPP_BUILDING_LIBRARY)
objects=$B/cxx
rm -rf "$objects"
mkdir "$objects"

# compile PREFIX FILE FLAG... compiles to $objects/PREFIX-NAME.o.
compile() {
	local name
	name=$(basename "$2")
	wasm32-c++ "${flags[@]}" "${@:3}" -c "$2" -o "$objects/$1-${name%.*}.o"
}
export -f compile
export objects
quoted=$(printf '%q ' "${flags[@]}")

cxx="-std=c++23 -Ilibcxx/src -Ilibc -DLIBC_NAMESPACE=__llvm_libc_common_utils -DLIBCXX_BUILDING_LIBCXXABI -D_LIBCPP_REMOVE_TRANSITIVE_INCLUDES"
abi="-std=c++23 -Ilibcxxabi/include -Ilibcxxabi/src -Ilibcxx/src -D_LIBCXXABI_BUILDING_LIBRARY -D_LIBCXXABI_HAS_NO_THREADS"
{
	for f in libcxx/src/*.cpp libcxx/src/ryu/*.cpp libcxx/src/filesystem/*.cpp; do
		[ "${f##*/}" = int128_builtins.cpp ] || echo "c++ $f $cxx" # compiler-rt has those
	done
	for f in libcxxabi/src/*.cpp; do # no threads, and libc++ has operator new
		case ${f##*/} in cxa_noexception.cpp | cxa_thread_atexit.cpp | stdlib_new_delete.cpp) continue ;; esac
		echo "abi $f $abi"
	done
	echo "unwind libunwind/src/Unwind-wasm.c -x c -std=c23 -Ilibunwind/include -D_LIBUNWIND_HIDE_SYMBOLS"
	echo "thread $B/wasm/port/cxx/thread.cpp -std=c++23"
} | FLAGS=$quoted xargs -P "$(nproc)" -I{} bash -ec 'eval "flags=($FLAGS)"; compile {}'

rm -f "$sysroot"/lib/libc++{,abi}.a
$ar qcsD "$sysroot/lib/libc++.a" "$objects"/c++-*.o
$ar qcsD "$sysroot/lib/libc++abi.a" "$objects"/{abi,unwind,thread}-*.o
