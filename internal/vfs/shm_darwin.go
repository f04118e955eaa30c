package vfs

import "os"

// newAnonymous makes a file in the host's temporary directory and takes its name
// away at once.
func newAnonymous(string) (File, error) {
	f, err := os.CreateTemp("", "embeddedpg-shm-")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	fd, err := dupFd(f)
	if err != nil {
		return nil, err
	}
	return newHostFile(fd, false), nil
}
