// Package supervisor owns the background process behind `nself start`: where its files are, how it is
// started and found again, what it is asked over its control socket, and its log. The database in it is
// the root package's.
//
// One process serves one runtime directory. It holds a lock on a file there for as long as it lives, so
// that a crash is told from a running process without guessing; state.json beside the lock says how to
// reach it. The server runs in a child process of it (Config.ChildProcess) and is started again when that
// ends by itself. Programs that ask (package main of cmd/nself) use Find, Stop, All and Spawn.
package supervisor
