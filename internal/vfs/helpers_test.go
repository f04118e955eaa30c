package vfs_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
	"nself.org/embeddedpg/internal/vfs/vfstest"
)

// eachFS runs a test on a fresh one of every file system that can be written.
func eachFS(t *testing.T, test func(t *testing.T, fs vfs.FS)) {
	mem := func() vfs.FS { return vfs.NewMem(vfs.MemOptions{}) }
	run := func(name string, fs func(t *testing.T) vfs.FS) {
		t.Run(name, func(t *testing.T) { test(t, fs(t)) })
	}
	eachDir(t, func(t *testing.T, d *vfs.Dir, _ string) { test(t, d) })
	run("mem", func(*testing.T) vfs.FS { return mem() })
	run("quota", func(*testing.T) vfs.FS { return vfstest.NewQuota(mem(), 1<<40) })
	run("faulty", func(*testing.T) vfs.FS {
		return &vfstest.Faulty{FS: mem(), Fail: func(string, string) error { return nil }}
	})
	run("namespace", func(t *testing.T) vfs.FS { return namespace(t, map[string]vfs.FS{"/": mem()}) })
}

// eachDir runs a test on a fresh Dir reached in each of the two ways.
func eachDir(t *testing.T, test func(t *testing.T, d *vfs.Dir, hostPath string)) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		return
	}
	for _, portable := range []bool{false, true} {
		t.Run(fmt.Sprintf("dir,portable=%v", portable), func(t *testing.T) {
			path := t.TempDir()
			test(t, newDir(t, path, vfs.DirOptions{Portable: portable}), path)
		})
	}
}

func newDir(t testing.TB, path string, opts vfs.DirOptions) *vfs.Dir {
	t.Helper()
	before := openDescriptors(t)
	d, err := vfs.NewDir(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if after := openDescriptors(t); after != before {
			t.Errorf("%d descriptors are open, before it were %d", after, before)
		}
	})
	return d
}

// openDescriptors counts the descriptors of this process where that is cheap.
func openDescriptors(t testing.TB) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	// Less those of Go's poller, which come when it is first used.
	return len(slices.DeleteFunc(list, func(e os.DirEntry) bool {
		to, _ := os.Readlink("/proc/self/fd/" + e.Name())
		return strings.HasPrefix(to, "anon_inode:[event")
	}))
}

func namespace(t testing.TB, mounts map[string]vfs.FS) *vfs.Namespace {
	t.Helper()
	n, err := vfs.NewNamespace(mounts)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func wantErrno(t testing.TB, err error, errno abi.Errno) {
	t.Helper()
	if got := vfs.Errno(err); got != errno {
		t.Errorf("got errno %d (%v), want %d", got, err, errno)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, fs vfs.FS, name string, flag int) vfs.File {
	t.Helper()
	f, err := fs.Open(name, flag, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func writeFile(t testing.TB, fs vfs.FS, name, content string) {
	t.Helper()
	f := open(t, fs, name, vfs.O_WRONLY|vfs.O_CREAT|vfs.O_TRUNC)
	n, err := f.Write([]byte(content))
	if err != nil || n != len(content) {
		t.Fatalf("wrote %d of %d: %v", n, len(content), err)
	}
	must(t, f.Close())
}

func readFile(t testing.TB, fs vfs.FS, name string) string {
	t.Helper()
	f := open(t, fs, name, vfs.O_RDONLY)
	defer f.Close()
	return readAll(t, f)
}

func readAll(t testing.TB, f vfs.File) string {
	t.Helper()
	var all []byte
	buf := make([]byte, 1000)
	for {
		n, err := f.Read(buf)
		must(t, err)
		if n == 0 {
			return string(all)
		}
		all = append(all, buf[:n]...)
	}
}

// list is the names in a directory with the letter of their type: "d:base f:PG_VERSION".
func list(t testing.TB, fs vfs.FS, name string) string {
	t.Helper()
	f := open(t, fs, name, vfs.O_RDONLY|vfs.O_DIRECTORY)
	defer f.Close()
	return listFile(t, f)
}

func listFile(t testing.TB, f vfs.File) string {
	t.Helper()
	entries, err := f.ReadDir()
	must(t, err)
	letters := map[uint8]string{vfs.DT_REG: "f", vfs.DT_DIR: "d", vfs.DT_LNK: "l", vfs.DT_CHR: "c", vfs.DT_FIFO: "p", vfs.DT_SOCK: "s"}
	var names []string
	for _, e := range entries {
		names = append(names, letters[e.Type]+":"+e.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func stat(t testing.TB, fs vfs.FS, name string) vfs.Stat {
	t.Helper()
	st, err := fs.Stat(name, false)
	must(t, err)
	return st
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// wantReadOnly checks a file system with a file "/f" that holds "x", a directory
// "/d" and no other name.
func wantReadOnly(t *testing.T, fs vfs.FS) {
	t.Helper()
	for _, c := range []struct {
		name  string
		flag  int
		errno abi.Errno
	}{
		{"/f", vfs.O_RDWR, abi.EROFS},
		{"/f", vfs.O_WRONLY, abi.EROFS},
		{"/f", vfs.O_RDONLY | vfs.O_TRUNC, abi.EROFS},
		{"/f", vfs.O_RDWR | vfs.O_CREAT, abi.EROFS},
		{"/new", vfs.O_RDWR | vfs.O_CREAT, abi.EROFS},
		{"/new", vfs.O_RDWR | vfs.O_CREAT | vfs.O_EXCL, abi.EROFS},
		{"/f", vfs.O_RDWR | vfs.O_CREAT | vfs.O_EXCL, abi.EEXIST},
		{"/new", vfs.O_RDWR, abi.ENOENT},
		{"/f/x", vfs.O_RDONLY, abi.ENOTDIR},
		{"/f/x/y", vfs.O_RDONLY, abi.ENOTDIR},
	} {
		f, err := fs.Open(c.name, c.flag, 0o600)
		if vfs.Errno(err) != c.errno {
			t.Errorf("open %s, %o: %v, want errno %d", c.name, c.flag, err, c.errno)
		}
		if err == nil {
			f.Close()
		}
	}
	for op, err := range map[string]error{
		"mkdir":    fs.Mkdir("/new", 0o700),
		"unlink":   fs.Unlink("/f"),
		"rmdir":    fs.Rmdir("/d"),
		"rename":   fs.Rename("/f", "/new"),
		"link":     fs.Link("/f", "/new"),
		"symlink":  fs.Symlink("f", "/new"),
		"chmod":    fs.Chmod("/f", 0o777),
		"truncate": fs.Truncate("/f", 0),
		"chtimes":  fs.Chtimes("/f", stat(t, fs, "/f").Mtime, stat(t, fs, "/f").Mtime),
	} {
		if vfs.Errno(err) != abi.EROFS {
			t.Errorf("%s: %v, want EROFS", op, err)
		}
	}
	f := open(t, fs, "/f", vfs.O_RDONLY|vfs.O_CREAT)
	defer f.Close()
	wantErrno(t, f.Chmod(0o777), abi.EROFS)
	_, err := f.Write([]byte("y"))
	wantErrno(t, err, abi.EBADF)
	equal(t, "content", readAll(t, f), "x")
	d := open(t, fs, "/d", vfs.O_RDONLY|vfs.O_DIRECTORY)
	defer d.Close()
	equal(t, "entries", listFile(t, d), "")
}
