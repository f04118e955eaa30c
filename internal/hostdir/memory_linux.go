package hostdir

import "golang.org/x/sys/unix"

// memoryDir is a file system in memory.
const memoryDir = "/dev/shm"

// memoryFree is how much must be free there: bytes. Containers often have 64 MiB.
const memoryFree = 2 << 30

// Memory returns a directory of a file system in memory that is fit for a server's files, or "". Creating a file costs 5 us
// there, and 20 to 400 us on a disk's file system; a database has some hundreds.
func Memory() string {
	var st unix.Statfs_t
	if unix.Statfs(memoryDir, &st) != nil || st.Type != unix.TMPFS_MAGIC || st.Bavail*uint64(st.Bsize) < memoryFree ||
		unix.Access(memoryDir, unix.W_OK|unix.X_OK) != nil {
		return ""
	}
	return memoryDir
}
