package vfs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// TestErrno names the errors by the host's constants and the numbers by Linux's,
// so that it holds on every host.
func TestErrno(t *testing.T) {
	_, notThere := os.Open("/none/none")
	for _, c := range []struct {
		err  error
		want abi.Errno
	}{
		{nil, 0},
		{syscall.EPERM, 1},
		{syscall.ENOENT, 2},
		{syscall.EINTR, 4},
		{syscall.EAGAIN, 11},
		{syscall.EEXIST, 17},
		{syscall.EXDEV, 18},
		{syscall.ENOSPC, 28},
		{syscall.EDEADLK, 35},
		{syscall.ENAMETOOLONG, 36},
		{syscall.ENOSYS, 38},
		{syscall.ENOTEMPTY, 39},
		{syscall.ELOOP, 40},
		{syscall.EOVERFLOW, 75},
		{syscall.EOPNOTSUPP, 95},
		{syscall.ECONNRESET, 104},
		{syscall.EDQUOT, 122},
		{notThere, 2},
		{&fs.PathError{Op: "open", Path: "/f", Err: syscall.EROFS}, 30},
		{fmt.Errorf("copy: %w", &fs.PathError{Op: "write", Path: "/f", Err: syscall.EDQUOT}), 122},
		{fs.ErrNotExist, 2},
		{fmt.Errorf("x: %w", fs.ErrExist), 17},
		{fs.ErrPermission, 13},
		{fs.ErrInvalid, 22},
		{fs.ErrClosed, 9},
		{errors.New("anything else"), 5},
		{context.Canceled, 5},
		{syscall.Errno(0), 5},
		{syscall.Errno(100000), 5},
	} {
		if got := vfs.Errno(c.err); got != c.want {
			t.Errorf("Errno(%#v) = %d, want %d", c.err, got, c.want)
		}
	}
}
