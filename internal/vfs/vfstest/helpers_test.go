package vfstest_test

import (
	"syscall"
	"testing"

	"nself.org/embeddedpg/internal/vfs"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErrno(t testing.TB, err error, errno syscall.Errno) {
	t.Helper()
	if got, want := vfs.Errno(err), vfs.Errno(errno); got != want {
		t.Errorf("got errno %d (%v), want %d", got, err, want)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func open(t testing.TB, fs vfs.FS, name string, flag int) vfs.File {
	t.Helper()
	f, err := fs.Open(name, flag, 0o600)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func stat(t testing.TB, fs vfs.FS, name string) vfs.Stat {
	t.Helper()
	st, err := fs.Stat(name, false)
	must(t, err)
	return st
}

func readFile(t testing.TB, fs vfs.FS, name string) string {
	t.Helper()
	b := make([]byte, 1000)
	n, err := open(t, fs, name, vfs.O_RDONLY).Read(b)
	must(t, err)
	return string(b[:n])
}
