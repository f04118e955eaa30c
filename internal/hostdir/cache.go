//go:build unix

package hostdir

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// Unused is how long a file stays that nobody uses, and Abandoned how long one that its maker did not finish.
const (
	Unused    = 30 * 24 * time.Hour
	Abandoned = 24 * time.Hour
)

// ErrUntrusted is in the error of what may be another user's.
var ErrUntrusted = errors.New("not trusted")

// Trusted reports why the content of a file or directory may be another user's.
func Trusted(st os.FileInfo) error { return trusted(st, uint32(os.Geteuid())) }

// Installed is as Trusted, of what root may have put there for all users.
func Installed(st os.FileInfo) error { return trusted(st, uint32(os.Geteuid()), 0) }

func trusted(st os.FileInfo, owners ...uint32) error {
	uid := st.Sys().(*syscall.Stat_t).Uid
	switch {
	case !slices.Contains(owners, uid):
		return fmt.Errorf("%w: it belongs to user %d", ErrUntrusted, uid)
	case st.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%w: others may write to it (mode %#o)", ErrUntrusted, st.Mode().Perm())
	}
	return nil
}

// Used notes that a file is used, at most once a day. In a directory that cannot be written it notes nothing.
func Used(dir *os.Root, name string, st os.FileInfo) {
	if now := time.Now(); now.Sub(st.ModTime()) > 24*time.Hour {
		_ = dir.Chtimes(name, time.Time{}, now)
	}
}

// Prune removes the regular files of this user that limit gives an age and that are older: 0 is none, the file stays. A file that
// a process has open or mapped stays its own. Nothing is reported: what cannot be removed stays, and the next Prune tries again.
func Prune(dir *os.Root, limit func(name string) time.Duration) {
	d, err := dir.Open(".")
	if err != nil {
		return
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	for _, name := range names {
		age := limit(name)
		if age == 0 {
			continue
		}
		st, err := dir.Lstat(name)
		if err == nil && st.Mode().IsRegular() && Trusted(st) == nil && time.Since(st.ModTime()) > age {
			_ = dir.Remove(name)
		}
	}
}
