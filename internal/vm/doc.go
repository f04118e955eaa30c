// Package vm runs compiled WebAssembly programs: one instance per process, each on an operating system thread of its
// own with a stack we choose. It implements kernel.Module, is the only package that knows wasmtime, and the only
// one with cgo.
//
// It owns threads, instances, compiled code and its cache on disk, and the fast path, the C code that serves the most
// frequent system calls without Go (fastpath.h). It owns no system call's meaning: that is package kernel's.
//
// Nothing that happens in a guest, and no panic in a kernel.Host, ends the program: it ends one instance with a
// Fault.
//
// The seam. What knows wasmtime is wasmtime_abi.h, wasmtime.c and side.c in C, and in Go engine.go
// (which links it), trapsite.go (how it lays out compiled code) and the version in load.go. The
// rest of the package, and all others, see machine.h: an engine that compiles, a module, an
// instance on a thread, and how it ended. What runs a module's code is a struct vm_code
// (instance.h): wasmtime's, or that of native code made ahead of time (native.c).
//
// C and Go meet in four exported functions (host.go) that C calls with a small number, the instance's slot in a table.
package vm
