package vfs_test

import (
	"path"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// guestTree is the tree of a guest, with a Mem for the data directory.
func guestTree(t testing.TB) (tree *vfs.Namespace, root, data, tmp *vfs.Mem) {
	root, data, tmp = vfs.NewMem(vfs.MemOptions{}), vfs.NewMem(vfs.MemOptions{}), vfs.NewMem(vfs.MemOptions{})
	must(t, root.WriteFile("/etc/passwd", []byte("postgres:x:1000:1000"), 0o444))
	image, err := vfs.NewImage(archive(t, map[string]string{"bin/postgres": "", "share/postgres.bki": "bki"}))
	must(t, err)
	tree = namespace(t, map[string]vfs.FS{
		"/": root, "/pgdata": data, "/pgsql": image, "/tmp": tmp, "/dev": vfs.NewDev(), "/dev/shm": vfs.NewMem(vfs.MemOptions{}),
	})
	return tree, root, data, tmp
}

func TestNamespace(t *testing.T) {
	tree, root, data, _ := guestTree(t)
	equal(t, "root", list(t, tree, "/"), "d:dev d:etc d:pgdata d:pgsql d:tmp")
	equal(t, "dev", list(t, tree, "/dev"), "c:null c:random c:urandom c:zero d:shm")
	equal(t, "passwd", readFile(t, tree, "/etc/passwd"), "postgres:x:1000:1000")
	equal(t, "bki", readFile(t, tree, "/pgsql/share/postgres.bki"), "bki")
	writeFile(t, tree, "/pgdata/PG_VERSION", "18")
	writeFile(t, tree, "/pgdatabase", "not in the mount")
	equal(t, "below", readFile(t, data, "/PG_VERSION"), "18")
	equal(t, "below", readFile(t, root, "/pgdatabase"), "not in the mount")
	must(t, tree.Unlink("/pgdatabase"))

	must(t, tree.Chmod("/pgdata", 0o700))
	equal(t, "mode of a mount point", stat(t, tree, "/pgdata").Mode, vfs.S_IFDIR|0o700)
	equal(t, "inode of a mount point", stat(t, tree, "/pgdata").Dev, stat(t, data, "/").Dev)

	for _, name := range []string{"/", "/pgdata", "/dev", "/dev/shm"} {
		wantErrno(t, tree.Mkdir(name, 0o700), abi.EEXIST)
		wantErrno(t, tree.Symlink("x", name), abi.EEXIST)
		wantErrno(t, tree.Rmdir(name), abi.EBUSY)
		wantErrno(t, tree.Unlink(name), abi.EISDIR)
		wantErrno(t, tree.Truncate(name, 0), abi.EISDIR)
		wantErrno(t, tree.Rename(name, "/x"), abi.EBUSY)
		wantErrno(t, tree.Rename("/etc", name), abi.EBUSY)
		_, err := tree.Open(name, vfs.O_RDWR, 0)
		wantErrno(t, err, abi.EISDIR)
		_, err = tree.Open(name, vfs.O_RDWR|vfs.O_CREAT|vfs.O_EXCL, 0)
		wantErrno(t, err, abi.EEXIST)
		_, err = tree.Readlink(name)
		wantErrno(t, err, abi.EINVAL)
	}
	wantErrno(t, tree.Rename("/pgdata/PG_VERSION", "/tmp/x"), abi.EXDEV)
	wantErrno(t, tree.Link("/pgdata/PG_VERSION", "/tmp/x"), abi.EXDEV)
	wantErrno(t, tree.Rename("/pgdata/none", "/tmp/x"), abi.ENOENT)
	must(t, tree.Rename("/pgdata/PG_VERSION", "/pgdata/x"))
	must(t, tree.Link("/pgdata/x", "/pgdata/y"))
	wantErrno(t, tree.Unlink("/dev/null"), abi.EROFS)
	_, err := tree.Stat("/pgdata/x/y", true)
	wantErrno(t, err, abi.ENOTDIR)
	_, err = tree.Stat("/none", true)
	wantErrno(t, err, abi.ENOENT)
}

// TestNamespaceWithoutRoot has directories that no file system holds.
func TestNamespaceWithoutRoot(t *testing.T) {
	tree := namespace(t, map[string]vfs.FS{"/a/b/c": vfs.NewMem(vfs.MemOptions{}), "/a/d": vfs.NewMem(vfs.MemOptions{})})
	equal(t, "root", list(t, tree, "/"), "d:a")
	equal(t, "a", list(t, tree, "/a"), "d:b d:d")
	equal(t, "b", list(t, tree, "/a/b"), "d:c")
	equal(t, "c", list(t, tree, "/a/b/c"), "")
	equal(t, "mode", stat(t, tree, "/a").Mode, vfs.S_IFDIR|0o555)
	if stat(t, tree, "/a").Ino == stat(t, tree, "/").Ino {
		t.Error("two directories have one inode")
	}
	writeFile(t, tree, "/a/b/c/f", "x")
	for _, name := range []string{"/f", "/a/f", "/a/b/f"} {
		_, err := tree.Open(name, vfs.O_RDONLY, 0)
		wantErrno(t, err, abi.ENOENT)
		_, err = tree.Open(name, vfs.O_RDWR|vfs.O_CREAT, 0)
		wantErrno(t, err, abi.EROFS)
		wantErrno(t, tree.Mkdir(name, 0o700), abi.EROFS)
		wantErrno(t, tree.Unlink(name), abi.ENOENT)
		_, err = tree.Stat(name+"/x", true)
		wantErrno(t, err, abi.ENOENT)
		wantErrno(t, tree.Rename("/a/d/none", name), abi.EROFS)
	}
	wantErrno(t, tree.Mkdir("/a", 0o700), abi.EEXIST)
	wantErrno(t, tree.Chmod("/a", 0o700), abi.EROFS)
	wantErrno(t, tree.Rename("/a", "/x"), abi.EBUSY)
	d := open(t, tree, "/a", vfs.O_RDONLY)
	defer d.Close()
	for range 2 {
		_, err := d.Seek(0, vfs.SEEK_SET)
		must(t, err)
		equal(t, "a", listFile(t, d), "d:b d:d")
		equal(t, "what is left", listFile(t, d), "")
	}
}

func TestNamespaceHidesWhatIsBelow(t *testing.T) {
	root := vfs.NewMem(vfs.MemOptions{})
	must(t, root.WriteFile("/m", []byte("a file"), 0o600))
	must(t, root.WriteFile("/d/m/hidden", nil, 0o600))
	must(t, root.WriteFile("/d/seen", nil, 0o600))
	tree := namespace(t, map[string]vfs.FS{"/": root, "/m/sub": vfs.NewMem(vfs.MemOptions{}), "/d/m": vfs.NewMem(vfs.MemOptions{})})
	equal(t, "root", list(t, tree, "/"), "d:d d:m")
	equal(t, "m", list(t, tree, "/m"), "d:sub")
	equal(t, "d", list(t, tree, "/d"), "d:m f:seen")
	equal(t, "d/m", list(t, tree, "/d/m"), "")
}

// TestNamespaceOneTwice: two mounts of one file system are two mounts.
func TestNamespaceOneTwice(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{})
	tree := namespace(t, map[string]vfs.FS{"/a": m, "/b": m})
	writeFile(t, tree, "/a/f", "x")
	equal(t, "content", readFile(t, tree, "/b/f"), "x")
	wantErrno(t, tree.Rename("/a/f", "/b/g"), abi.EXDEV)
}

func TestNamespaceErrors(t *testing.T) {
	for _, at := range []string{"", "a", "/a/", "/a/../b", "//", "/a//b", "/."} {
		if _, err := vfs.NewNamespace(map[string]vfs.FS{at: vfs.NewDev()}); vfs.Errno(err) != abi.EINVAL {
			t.Errorf("mounted at %q: %v", at, err)
		}
	}
	_, err := vfs.NewNamespace(map[string]vfs.FS{"/a": nil})
	wantErrno(t, err, abi.EINVAL)
}

// A probe is a file system that tells what it was asked for.
type probe struct {
	vfs.FS
	asked string
}

func (p *probe) Stat(name string, _ bool) (vfs.Stat, error) {
	p.asked = name
	return vfs.Stat{Mode: vfs.S_IFDIR}, nil
}

// FuzzNamespace compares the resolution of names with one that is written for
// being plain: clean, cut into elements, take off as many as the longest mount
// has.
func FuzzNamespace(f *testing.F) {
	for _, name := range []string{
		"/", "/pgdata", "/pgdata/base/1/1259", "/pgdatabase", "/dev/shm/x", "/dev/shmx", "/dev/../pgdata/..", "//dev//shm//",
		"pgdata", "../../pgdata/../dev/null", "/./pgdata/./x/.", "/pgdata/..", "/...", "/pgdata/.../x", "", "/\x00", "/dev/sh",
		"/pgsql/share/" + strings.Repeat("x/", 100), "/\xff\xfe/..", "/pgdata\\..\\x",
	} {
		f.Add(name)
	}
	points := []string{"/", "/pgdata", "/dev", "/dev/shm", "/pgsql/share"}
	probes, mounts := map[string]*probe{}, map[string]vfs.FS{}
	for _, at := range points {
		probes[at] = &probe{}
		mounts[at] = probes[at]
	}
	tree := namespace(f, mounts)
	f.Fuzz(func(t *testing.T, name string) {
		for _, p := range probes {
			p.asked = ""
		}
		_, err := tree.Stat(name, true)
		if name == "" || strings.Contains(name, "\x00") || len(name) > vfs.PATH_MAX {
			if err == nil {
				t.Errorf("%q was found", name)
			}
			for at, p := range probes {
				if p.asked != "" {
					t.Errorf("%q led to %q in %s", name, p.asked, at)
				}
			}
			return
		}
		must(t, err)
		elements := strings.Split(strings.Trim(path.Clean("/"+name), "/"), "/")
		owner, inner := "/", "/"+strings.Join(elements, "/")
		for _, at := range points[1:] {
			prefix := strings.Split(at[1:], "/")
			if len(prefix) > len(elements) || len(at) < len(owner) || strings.Join(elements[:len(prefix)], "/") != at[1:] {
				continue
			}
			owner, inner = at, "/"+strings.Join(elements[len(prefix):], "/")
		}
		for at, p := range probes {
			want := ""
			if at == owner {
				want = inner
			}
			if p.asked != want {
				t.Errorf("%q asked %s for %q, want %q", name, at, p.asked, want)
			}
		}
	})
}
