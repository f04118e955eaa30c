package vfs

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestFastPathIsTaken: where the host has openat2, NewDir uses it unless told
// not to. Without this the other tests might run one path twice.
func TestFastPathIsTaken(t *testing.T) {
	if fd, err := unix.Openat2(unix.AT_FDCWD, ".", &unix.OpenHow{Flags: unix.O_PATH}); err != nil {
		t.Skip("the host has no openat2:", err)
	} else {
		unix.Close(fd)
	}
	for _, portable := range []bool{false, true} {
		d, err := NewDir(t.TempDir(), DirOptions{Portable: portable})
		if err != nil {
			t.Fatal(err)
		}
		if _, fast := d.opener.(beneathOpener); fast == portable {
			t.Errorf("portable is %v, and the opener a %T", portable, d.opener)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
