//go:build !linux

package testserver

// memory returns "": the system has no directory in memory that everyone may write.
func memory() string { return "" }
