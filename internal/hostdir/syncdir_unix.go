//go:build unix

package hostdir

// syncDir makes the names in a directory durable.
func syncDir(dir string) error { return SyncPath(dir) }
