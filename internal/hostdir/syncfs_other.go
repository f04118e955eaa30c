//go:build !linux

package hostdir

// SyncFileSystem makes durable what is below the directory dir: other systems cannot do that for all of its file system.
func SyncFileSystem(dir string) error { return SyncTree(dir) }
