// Package ring is a connection within the program: two byte rings in memory that a net.Conn of the Go program
// and a guest's descriptor share. A transfer is a copy; the system is asked only to wake a side that sleeps.
//
// It owns the memory, the two wake-up descriptors (bells) and the lifetime of both. It knows no guest: package
// kernel serves system calls on a Guest in Go, and package vm serves the frequent ones in C, on the same memory,
// by the layout and the rules in this package (ring.h there mirrors layout.go).
//
// The rules, for each direction (a half). Every access to a shared word is sequentially consistent, by
// sync/atomic here and __atomic there; on each processor both compile to the same instructions.
//
// Data: only the writer stores tail, only the reader stores head; they count bytes for ever, modulo 2^32, and
// tail-head is between 0 and Size. The writer copies bytes into the free part, then stores tail; the reader
// loads tail, copies out, then stores head. So the store of tail releases the bytes to the reader, and the
// store of head releases the room to the writer: nobody touches a byte that the other may touch.
//
// End: a closing side sets Eof on the half it writes and Gone on the half it reads, after its last bytes. A
// reader that finds no bytes and then Eof looks at tail once more before it believes in the end.
//
// Sleep: who wants to sleep sets its bit in waits, then looks again (bytes, room, end), then waits for its
// bell. Who stores tail, head or flags then looks at waits; if the other's bit is set, it clears it and rings. By
// sequential consistency one of the two sees the other's store: no wake-up is lost. A bell may ring for
// nothing; the waiter looks again. A reader rings for room only when half of the ring is free, so that a
// writer wakes once for many reads; the reader is not asleep before the ring is empty, so it comes to that.
//
// A reader of the program whose program is starved (holder in spin.go) sets ReaderHolds instead and sleeps until
// waits changes, a futex: who clears the bit wakes the word.
//
// Each half has one reader and one writer at a time. Conn makes sure of that for the program; of processes
// that inherited the same descriptor only one may use it, as PostgreSQL's do.
package ring
