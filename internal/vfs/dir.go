package vfs

// DirOptions are the choices of NewDir. The zero value is a directory that can
// be written, reached by the fastest way the host has.
type DirOptions struct {
	// ReadOnly makes every change EROFS.
	ReadOnly bool
	// Portable resolves names by os.Root even where the host has a faster way
	// (Linux: openat2 with RESOLVE_BENEATH). The semantics are the same; tests
	// run both.
	Portable bool
}
