// Package kernel is the small operating system that PostgreSQL's WebAssembly processes run on: a process
// table with signals, wait and timers, file descriptors over package vfs, pipes, sockets, rings, poll, futexes and
// shared memory, behind one system call entry that follows Linux's generic numbers and musl's structures.
//
// It owns no guest code and no wasm engine: a Module starts an instance and calls back through Host. It owns
// no listening socket of the host either: accepted connections are pushed in (Kernel.Push).
//
// Every blocking call waits for its object and for a deliverable signal, signals first. Handlers themselves
// run in the guest's libc, on return from a system call and at PostgreSQL's CHECK_FOR_INTERRUPTS.
//
// What a process owns alone (descriptor table, mappings, working directory) is touched only by its own
// thread, and by its parent's thread before it is started; it needs no lock. Kernel.mu guards what processes
// share: the process table, parenthood, posting of signals, SysV segments, listeners. libraries.mu
// guards the cache of side modules' files, disk.mu a directory's read position; openFile counts its references
// atomically. None of them is held while another of them is taken, nor while guest code runs or a call blocks.
package kernel
