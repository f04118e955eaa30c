package supervisor

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"nself.org/embeddedpg/internal/fault"
)

// Paths are the files of one runtime directory.
type Paths struct {
	Runtime string // absolute, without symbolic links
}

// NewPaths makes the runtime directory, mode 0700, if make is set, and returns its paths. Without make
// the directory need not exist.
func NewPaths(runtime string, make bool) (Paths, error) {
	abs, err := filepath.Abs(runtime)
	if err != nil {
		return Paths{}, err
	}
	if make {
		if err := os.MkdirAll(abs, 0o700); err != nil {
			var e *fs.PathError
			if errors.As(err, &e) {
				err = e.Err // the path is in the message already
			}
			return Paths{}, &fault.Error{Op: "make the runtime directory", Path: abs, Err: err, Hint: "set NSELF_RUNTIME_DIR to a directory that this user can write"}
		}
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	p := Paths{abs}
	if make {
		p.ignore()
	}
	return p, nil
}

// ignore keeps the directory out of version control, if that is Git. Nothing depends on it.
func (p Paths) ignore() {
	f, err := os.OpenFile(p.gitignore(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return
	}
	_, _ = f.WriteString("*\n")
	_ = f.Close()
}

func (p Paths) gitignore() string { return filepath.Join(p.Runtime, ".gitignore") }

// Data is the data directory.
func (p Paths) Data() string { return filepath.Join(p.Runtime, "pgdata") }

// Log is the supervisor's and the server's log.
func (p Paths) Log() string { return filepath.Join(p.Runtime, "postgres.log") }

// Extensions are the directories with extension modules that the server may load: extensions, where it is there.
func (p Paths) Extensions() []string {
	dir := filepath.Join(p.Runtime, "extensions")
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return nil
	}
	return []string{dir}
}

// PasswordFile is where the superuser's password is kept, for this user alone.
func (p Paths) PasswordFile() string { return filepath.Join(p.Runtime, "password") }

// The documented names of the socket.
func (p Paths) links() []string {
	return []string{filepath.Join(p.Runtime, "pglite.sock"), filepath.Join(p.Runtime, "pglite.sock.bridge")}
}

// Socket is the first of the socket's documented names.
func (p Paths) Socket() string { return p.links()[0] }

func (p Paths) state() string { return filepath.Join(p.Runtime, "state.json") }
func (p Paths) crash() string { return filepath.Join(p.Runtime, "crash.json") }
func (p Paths) lock() string  { return filepath.Join(p.Runtime, "supervisor.lock") }

// serverPID is the process that runs in the data directory, from its postmaster.pid; 0 if none does.
func (p Paths) serverPID() int {
	b, err := os.ReadFile(filepath.Join(p.Data(), "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	return max(pid, 0)
}

// shortDirs are where the directory for sockets may be, whose paths must be short wherever the project is:
// /tmp/nself-<uid>/<hash>, or where another user has that, $XDG_RUNTIME_DIR/nself-<hash>. The latter comes second because
// it is emptied when its user logs out, and the database stays.
func (p Paths) shortDirs() []string {
	sum := sha256.Sum256([]byte(p.Runtime))
	hash := hex.EncodeToString(sum[:4])
	dirs := []string{filepath.Join(sharedBase(), hash)}
	if base := loginBase(); base != "" {
		dirs = append(dirs, filepath.Join(base, "nself-"+hash))
	}
	return dirs
}

// sharedBase is the directory of this user's projects below /tmp.
func sharedBase() string { return fmt.Sprintf("/tmp/nself-%d", os.Geteuid()) }

// loginBase is $XDG_RUNTIME_DIR if it can be used; else "".
func loginBase() string {
	base := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(base) || len(base) > 40 || private(base) != nil {
		return ""
	}
	return base
}

// shortDir makes the first of the short directories that can be made. It is this user's alone.
func (p Paths) shortDir() (string, error) {
	err := makePrivate(sharedBase())
	for i, dir := range p.shortDirs() {
		if i == 0 && err != nil {
			continue
		}
		if err = makePrivate(dir); err == nil {
			return dir, nil
		}
	}
	return "", err
}

// socketDir is where the database's socket is, below the short directory. A container mounts it, and with it
// neither the control socket nor anything else.
func socketDir(short string) string { return filepath.Join(short, "pg") }

// SocketDir makes the short directory and returns where the socket is or will be: libpq's "host".
func (p Paths) SocketDir() (string, error) {
	short, err := p.shortDir()
	return socketDir(short), err
}

// ForgetSocketDir removes what a shared socket's directory leaves behind, if nothing is in it any more.
func (p Paths) ForgetSocketDir() {
	if short, err := p.shortDir(); err == nil {
		os.Remove(socketDir(short))
		os.Remove(short)
	}
}

// makeShared makes a directory that others may enter, if they see it.
func makeShared(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755) // whatever the umask is
}

// socketMode is the socket's. In a shared one's way stands its directory's parent, and then the password.
func socketMode(shared bool) fs.FileMode {
	if shared {
		return 0o666
	}
	return 0o600
}

// makePrivate makes a directory, or checks that the one there is private.
func makePrivate(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = private(dir)
	}
	if err != nil {
		return &fault.Error{
			Op: "use the socket directory", Path: dir, Err: err,
			Hint: "someone else may have put it there: remove it, or set XDG_RUNTIME_DIR to a directory of yours with mode 0700",
		}
	}
	return nil
}

// private says why others could put something into the directory.
func private(dir string) error {
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	switch sys := st.Sys().(*syscall.Stat_t); {
	case !st.IsDir():
		return errors.New("it is not a directory")
	case sys.Uid != uint32(os.Geteuid()):
		return fmt.Errorf("it belongs to user %d", sys.Uid)
	case st.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("others have access to it (mode %#o)", st.Mode().Perm())
	}
	return nil
}

// link makes the documented names of the socket, relative so that they stay right where the directories
// are mounted elsewhere together.
func (p Paths) link(socket string) error {
	target, err := filepath.Rel(p.Runtime, socket)
	if err != nil {
		return err
	}
	for _, name := range p.links() {
		if st, err := os.Lstat(name); err == nil && st.Mode().Type() != fs.ModeSymlink && st.Mode().Type() != fs.ModeSocket {
			return &fault.Error{Op: "link the socket", Path: name, Err: errors.New("a file has this name"), Hint: "move it away"}
		}
		next := name + ".new"
		os.Remove(next)
		if err := os.Symlink(target, next); err != nil {
			return err
		}
		if err := os.Rename(next, name); err != nil {
			return err
		}
	}
	return nil
}

// unlink removes the names again.
func (p Paths) unlink() {
	for _, name := range p.links() {
		if st, err := os.Lstat(name); err == nil && st.Mode().Type() == fs.ModeSymlink {
			os.Remove(name)
		}
	}
}

// DirID tells a directory from another that has its name later.
func DirID(dir string) (string, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	sys := st.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", sys.Dev, sys.Ino), nil
}
