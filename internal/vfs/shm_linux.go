package vfs

import "golang.org/x/sys/unix"

// newAnonymous makes a file of memory. The name is only for /proc/self/maps.
func newAnonymous(name string) (File, error) {
	fd, err := unix.MemfdCreate("embeddedpg:"+name[:min(len(name), 64)], unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return newHostFile(fd, false), nil
}
