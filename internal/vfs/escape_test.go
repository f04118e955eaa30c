//go:build linux || darwin

package vfs_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// outside makes, beside the root, a file and a directory that must not be
// reached, and checks in the end that nothing happened to them.
func outside(t *testing.T) (dir string) {
	dir = t.TempDir()
	secret := filepath.Join(dir, "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	before, err := os.Lstat(secret)
	must(t, err)
	t.Cleanup(func() {
		entries, err := os.ReadDir(dir)
		must(t, err)
		if len(entries) != 2 {
			t.Errorf("outside there are now %v", entries)
		}
		after, err := os.Lstat(secret)
		must(t, err)
		content, err := os.ReadFile(secret)
		if string(content) != "secret" || after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) {
			t.Errorf("the file outside was changed: %q %v %v", content, after, err)
		}
	})
	return dir
}

// TestEscape plants links that lead out in every way and tries every call on and
// through each.
func TestEscape(t *testing.T) {
	eachDir(t, func(t *testing.T, d *vfs.Dir, root string) {
		out := outside(t)
		up, err := filepath.Rel(root, out)
		must(t, err)
		must(t, os.MkdirAll(filepath.Join(root, "a/b/c"), 0o700))
		must(t, os.WriteFile(filepath.Join(root, "own"), nil, 0o600))
		for link, target := range map[string]string{
			"absolute":         out,
			"relative":         up,
			"a/b/c/deep":       "../../../" + up,
			"chain1":           "chain2",
			"chain2":           "a/chain3",
			"a/chain3":         "../a/b/../../relative",
			"parent":           "..",
			"a/through-parent": "../parent/" + filepath.Base(root) + "/" + up,
			"self":             root, // absolute, though it leads back
			"proc":             "/proc/self/root" + out,
			"own-by-absolute":  filepath.Join(root, "own"),
		} {
			must(t, os.Symlink(target, filepath.Join(root, link)))
		}
		links := []string{"absolute", "relative", "a/b/c/deep", "chain1", "a/through-parent", "proc", "self", "own-by-absolute"}
		for _, link := range links {
			t.Run(link, func(t *testing.T) {
				link = "/" + link
				for _, name := range []string{link, link + "/secret", link + "/sub", link + "/new"} {
					for _, flag := range []int{
						vfs.O_RDONLY, vfs.O_RDWR, vfs.O_WRONLY | vfs.O_TRUNC, vfs.O_RDWR | vfs.O_CREAT,
						vfs.O_RDONLY | vfs.O_DIRECTORY, vfs.O_RDONLY | vfs.O_DIRECT,
					} {
						if f, err := d.Open(name, flag, 0o600); err == nil {
							t.Errorf("opened %s with %o: %v", name, flag, f)
							f.Close()
						} else {
							wantErrno(t, err, abi.EACCES)
						}
					}
					_, err := d.Stat(name, true)
					wantErrno(t, err, abi.EACCES)
					wantErrno(t, d.Chmod(name, 0o777), abi.EACCES)
					wantErrno(t, d.Truncate(name, 0), abi.EACCES)
					wantErrno(t, d.Chtimes(name, time.Unix(1, 0), time.Unix(1, 0)), abi.EACCES)
					if name == link {
						continue
					}
					_, err = d.Stat(name, false)
					wantErrno(t, err, abi.EACCES)
					_, err = d.Readlink(name)
					wantErrno(t, err, abi.EACCES)
					wantErrno(t, d.Mkdir(name, 0o700), abi.EACCES)
					wantErrno(t, d.Unlink(name), abi.EACCES)
					wantErrno(t, d.Rmdir(name), abi.EACCES)
					wantErrno(t, d.Rename(name, "/stolen"), abi.EACCES)
					wantErrno(t, d.Rename("/own", name), abi.EACCES)
					wantErrno(t, d.Link(name, "/stolen"), abi.EACCES)
					wantErrno(t, d.Link("/own", name), abi.EACCES)
					wantErrno(t, d.Symlink("x", name), abi.EACCES)
				}
				// The name is cleaned before anything is looked up: no file of ours.
				_, err := d.Open(link+"/../secret", vfs.O_RDONLY, 0)
				wantErrno(t, err, abi.ENOENT)
			})
		}
		for _, link := range links {
			// The link itself is a file of ours: it can be seen and removed.
			st, err := d.Stat("/"+link, false)
			must(t, err)
			equal(t, "type", st.Mode&vfs.S_IFMT, vfs.S_IFLNK)
			_, err = d.Readlink("/" + link)
			must(t, err)
			must(t, d.Unlink("/"+link))
		}
	})
}

// TestDotDot gives names that climb.
func TestDotDot(t *testing.T) {
	eachDir(t, func(t *testing.T, d *vfs.Dir, root string) {
		out := outside(t)
		must(t, os.Mkdir(filepath.Join(root, "d"), 0o700))
		up := strings.Repeat("../", 30)
		for _, name := range []string{"../" + filepath.Base(out) + "/secret", "/" + up + out + "/secret", "/d/" + up + out + "/secret", up + "d/../.." + out + "/secret"} {
			_, err := d.Open(name, vfs.O_RDONLY, 0)
			wantErrno(t, err, abi.ENOENT)
		}
		for _, name := range []string{"..", "/..", "/d/../..", "../../."} {
			equal(t, name, stat(t, d, name).Ino, stat(t, d, "/").Ino)
		}
	})
}

// TestEscapeRace has another process swap a directory and a file for links that
// lead out, over and over, while every call is tried.
func TestEscapeRace(t *testing.T) {
	limit := 2 * time.Second
	if testing.Short() {
		limit = 300 * time.Millisecond
	}
	eachDir(t, func(t *testing.T, d *vfs.Dir, root string) {
		out := outside(t)
		real, link := filepath.Join(root, "real"), filepath.Join(root, "link")
		must(t, os.Mkdir(real, 0o700))
		must(t, os.WriteFile(filepath.Join(real, "secret"), []byte("ours"), 0o600))
		must(t, os.Symlink(out, link))
		must(t, os.WriteFile(filepath.Join(root, "file"), []byte("ours"), 0o600))
		must(t, os.Symlink(filepath.Join(out, "secret"), filepath.Join(root, "filelink")))
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			victim, file := filepath.Join(root, "victim"), filepath.Join(root, "f")
			for {
				select {
				case <-stop:
					return
				default:
				}
				os.Rename(real, victim)
				os.Rename(victim, real)
				os.Rename(link, victim)
				os.Rename(victim, link)
				os.Rename(filepath.Join(root, "file"), file)
				os.Rename(file, filepath.Join(root, "file"))
				os.Rename(filepath.Join(root, "filelink"), file)
				os.Rename(file, filepath.Join(root, "filelink"))
			}
		}()
		look := func(f vfs.File, err error) bool {
			if err != nil {
				return false
			}
			defer f.Close()
			if got := readAll(t, f); got != "ours" {
				t.Errorf("read %q", got)
			}
			return true
		}
		hits := 0
		for end := time.Now().Add(limit); time.Now().Before(end); {
			if look(d.Open("/victim/secret", vfs.O_RDWR, 0)) {
				hits++
			}
			look(d.Open("/f", vfs.O_RDWR|vfs.O_DSYNC, 0))
			if st, err := d.Stat("/victim/secret", true); err == nil && st.Size != 4 {
				t.Errorf("size %d", st.Size)
			}
			d.Chmod("/victim/secret", 0o644)
			d.Chtimes("/victim/secret", time.Unix(1, 0), time.Unix(1, 0))
			d.Mkdir("/victim/new", 0o700)
			d.Rmdir("/victim/new")
			d.Rename("/victim/sub", "/sub")
			d.Unlink("/victim/gone")
			d.Link("/victim/secret", "/victim/hard")
			d.Unlink("/victim/hard")
		}
		close(stop)
		<-done
		if hits == 0 {
			t.Log("the race never let us in, so it proved little")
		}
	})
}

// special plants files that must not be opened: opening some waits, opening
// others acts on a device. It returns their names.
func special(t *testing.T, root string) []string {
	names := []string{"/to-fifo", "/fifo", "/socket"}
	must(t, unix.Mkfifo(filepath.Join(root, "fifo"), 0o600))
	must(t, os.Symlink("fifo", filepath.Join(root, "to-fifo")))
	wd, err := os.Getwd()
	must(t, err)
	must(t, os.Chdir(root)) // the name of a socket must be short
	l, err := net.Listen("unix", "socket")
	must(t, os.Chdir(wd))
	must(t, err)
	t.Cleanup(func() { l.Close() })
	for name, mode := range map[string]uint32{"/char": syscall.S_IFCHR, "/block": syscall.S_IFBLK} {
		if err := unix.Mknod(root+name, mode|0o600, int(unix.Mkdev(1, 3))); err == nil {
			names = append(names, name)
		} else {
			t.Logf("no device node was planted: %v", err)
		}
	}
	return names
}

func TestSpecialFiles(t *testing.T) {
	eachDir(t, func(t *testing.T, d *vfs.Dir, root string) {
		for _, name := range special(t, root) {
			for _, flag := range []int{vfs.O_RDONLY, vfs.O_WRONLY, vfs.O_RDWR, vfs.O_RDWR | vfs.O_CREAT, vfs.O_RDONLY | vfs.O_NONBLOCK, vfs.O_WRONLY | vfs.O_TRUNC} {
				f, err := d.Open(name, flag, 0o600)
				wantErrno(t, err, abi.EACCES)
				if err == nil {
					f.Close()
				}
			}
			if strings.HasPrefix(name, "/to-") {
				continue
			}
			_, err := d.Open(name, vfs.O_RDONLY|vfs.O_DIRECTORY, 0)
			wantErrno(t, err, abi.ENOTDIR)
			wantErrno(t, d.Truncate(name, 0), abi.EACCES)
			if st := stat(t, d, name); st.IsRegular() || st.IsDir() {
				t.Errorf("%s has mode %o", name, st.Mode)
			}
			must(t, d.Unlink(name))
		}
	})
}

// TestFIFORace swaps a file for a FIFO under the eyes of open, which must not
// wait for the FIFO's other end.
func TestFIFORace(t *testing.T) {
	eachDir(t, func(t *testing.T, d *vfs.Dir, root string) {
		fifo, file, name := filepath.Join(root, "fifo"), filepath.Join(root, "file"), filepath.Join(root, "f")
		must(t, unix.Mkfifo(fifo, 0o600))
		must(t, os.WriteFile(file, []byte("ours"), 0o600))
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				default:
				}
				os.Rename(fifo, name)
				os.Rename(name, fifo)
				os.Rename(file, name)
				os.Rename(name, file)
			}
		}()
		for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
			for _, flag := range []int{vfs.O_RDONLY, vfs.O_WRONLY} {
				if f, err := d.Open("/f", flag, 0); err == nil {
					if st, err := f.Stat(); err != nil || !st.IsRegular() {
						t.Errorf("opened a file of mode %o, %v", st.Mode, err)
					}
					f.Close()
				}
			}
		}
		close(stop)
		<-done
	})
}
