//go:build !linux

package tempdir

// Memory returns "": the system has no directory in memory that everyone may write.
func Memory() string { return "" }
