//go:build !linux

package hostdir

// Memory returns "": the system has no directory in memory that everyone may write.
func Memory() string { return "" }
