//go:build linux || darwin

package vfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/vfs"
)

// FuzzDir makes calls with two names of any form in a directory that has links to outside of it. What is outside must
// not change, and no file opened may be one of those.
func FuzzDir(f *testing.F) {
	for _, names := range [][2]string{
		{"/a/../../secret", "x"},
		{"out/secret", "/in"},
		{"/up/secret", "../.."},
		{"//a//./b", "a/b/c"},
		{"", "\x00"},
		{"/loop/loop", "/a/"},
		{"/deep/secret", "/a/out/../secret"},
		{"..", "."},
		{"/file/..", "file/../up"},
	} {
		f.Add(names[0], names[1])
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		top := t.TempDir()
		root := filepath.Join(top, "root")
		secret := filepath.Join(top, "secret")
		must(t, os.WriteFile(secret, []byte("secret"), 0o600))
		must(t, os.MkdirAll(filepath.Join(root, "a"), 0o700))
		must(t, os.WriteFile(filepath.Join(root, "file"), []byte("file"), 0o600))
		for link, to := range map[string]string{"out": top, "up": "..", "loop": "loop", "deep": "a/../..", "in": "a"} {
			must(t, os.Symlink(to, filepath.Join(root, link)))
		}
		before := stat(t, newDir(t, top, vfs.DirOptions{}), "/secret")
		for _, portable := range []bool{false, true} {
			d := newDir(t, root, vfs.DirOptions{Portable: portable})
			for _, name := range []string{one, two} {
				for _, flag := range []int{vfs.O_RDONLY, vfs.O_RDWR | vfs.O_CREAT, vfs.O_WRONLY | vfs.O_TRUNC | vfs.O_NOFOLLOW} {
					file, err := d.Open(name, flag, 0o600)
					if err != nil {
						continue
					}
					if st, err := file.Stat(); err == nil && st.Ino == before.Ino && st.Dev == before.Dev {
						t.Errorf("%q opens the file outside", name)
					}
					file.Write([]byte("x"))
					file.Close()
				}
				d.Stat(name, true)
				d.Mkdir(name, 0o700)
				d.Truncate(name, 1)
				d.Chmod(name, 0o700)
				d.Readlink(name)
			}
			d.Symlink(one, two)
			d.Link(one, two)
			d.Rename(one, two)
			d.Symlink(two, one)
			d.Unlink(one)
			d.Rmdir(two)
		}
		entries, err := os.ReadDir(top)
		must(t, err)
		content, err := os.ReadFile(secret)
		if err != nil || string(content) != "secret" || len(entries) != 2 {
			t.Errorf("outside: %q, %v, %v", content, err, entries)
		}
	})
}

// FuzzImage opens, in the image of the guest's files, what a name leads to: a file that can be read to its end and has
// the size that Stat tells, or a directory, or an error, the same by either way of asking.
func FuzzImage(f *testing.F) {
	files, err := image.FS()
	must(f, err)
	img, err := vfs.NewImage(files)
	must(f, err)
	for _, name := range []string{
		"/pgsql/share/postgresql.conf.sample", "/pgsql/lib/plpgsql.so", "/pgsql/bin", "/", "pgsql//share/./../lib", "/pgsql/share/\x00",
		"/pgsql/share/timezone/Europe/Berlin/x", "\\pgsql", "/pgsql/bin/postgres/", "../pgsql", "",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		st, serr := img.Stat(name, true)
		file, err := img.Open(name, vfs.O_RDONLY, 0)
		if (err == nil) != (serr == nil) {
			t.Fatalf("%q: stat %v, open %v", name, serr, err)
		}
		if err == nil {
			defer file.Close()
			if st.IsDir() {
				if _, err := file.ReadDir(); err != nil {
					t.Errorf("%q: %v", name, err)
				}
			} else if n := len(readAll(t, file)); int64(n) != st.Size {
				t.Errorf("%q: %d bytes, stat says %d", name, n, st.Size)
			}
		}
		if vfs.Errno(img.Unlink(name)) == 0 || vfs.Errno(img.Mkdir(name, 0o700)) == 0 {
			t.Errorf("%q was changed", name)
		}
	})
}
