package hostdir

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"

	"nself.org/embeddedpg/internal/fault"
)

// Home returns the user's home directory: HOME, or where that is not set to an absolute path, as in many system units and
// containers, the directory that the system's list of users has.
func Home() (string, error) {
	home := os.Getenv("HOME")
	if filepath.IsAbs(home) {
		return home, nil
	}
	u, err := user.LookupId(fmt.Sprint(os.Geteuid()))
	if err == nil && filepath.IsAbs(u.HomeDir) {
		if st, err := os.Stat(u.HomeDir); err == nil && st.IsDir() {
			return u.HomeDir, nil
		}
	}
	return "", &fault.Error{
		Op: "find the home directory", Err: fmt.Errorf("HOME is %q, and the system names none for user %d", home, os.Geteuid()),
		Hint: "set HOME to a directory of this user",
	}
}
