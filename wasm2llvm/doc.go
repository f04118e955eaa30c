// Package wasm2llvm translates a WebAssembly module to LLVM IR in its textual form, for LLVM 22 and
// later.
//
// [Parse] reads and checks a binary module. A [Unit] is one LLVM module in the making:
// [Unit.Function] adds a function of the WebAssembly module to it, and [Unit.Describe] adds what a
// host needs to make an instance (struct wasm_module in internal/vm/wasm2llvm.h: segments, tables,
// imports, exports). A large module is spread over several units, so that LLVM compiles them side
// by side. The package compiles nothing and runs nothing; runtime/ holds, in C, what the code
// calls.
//
// It takes WebAssembly 2.0 (multi-value, sign extension, saturating conversions, bulk memory,
// reference types, vectors), extended constant expressions, atomic instructions and exceptions with
// exnref. A module with a section dylink.0 is a side module, to be put into an instance of another
// one. It refuses by name, with an [UnsupportedError], what it does not translate: tail calls, typed
// function references, garbage collection, relaxed vectors, several or 64-bit memories, and waiting
// on memory. Everything is checked as the specification's validation algorithm does; a module that
// breaks its rules is an [InvalidError].
//
// # The code
//
// Each function has C's calling convention and one parameter more, the address of the instance's
// memory, marked swiftself: it stays in one register (r13 on amd64, x20 on arm64) across calls. The
// instance's state (size of the memory, globals, tables, imports) lies below that address, where no
// guest address reaches. A host reserves 8 GiB and a page above it; accesses out of bounds then
// fault, and no bound is compiled. Other traps are undefined instructions that carry a [Trap]
// (llvm.ubsantrap). Stack overflow is a fault in the stack's guard page; every function probes it.
//
// The code needs the processor features of x86-64-v2 on amd64 and of armv8-a on arm64.
//
// # Exactness
//
// With [Options.Exact] the code does what the specification says, to the bit. Without it LLVM has
// more freedom, and two things differ: a load whose result is not used need not trap when it is out
// of bounds, and min, max and arithmetic that changes nothing (x·1) may return a signalling NaN as
// it is. What a store has written before a trap may not be in memory yet.
package wasm2llvm
