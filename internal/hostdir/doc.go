// Package hostdir does the few things with the host's files that must be done the same way
// everywhere: temporary directories that do not outlive their program, directories of files that
// can be made again (caches), locks between processes, replacing a file whole or not at all, and
// making files durable.
//
// It knows nothing of what the files hold. It removes nothing without its own marker in it, and
// nothing of another user.
package hostdir
