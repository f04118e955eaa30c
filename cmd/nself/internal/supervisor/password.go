package supervisor

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"strings"

	"nself.org/embeddedpg/internal/hostdir"
)

// Password returns the superuser's password as it was kept by the last start; "" if there is none.
func (p Paths) Password() (string, error) {
	b, err := os.ReadFile(p.PasswordFile())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimRight(string(b), "\n"), err
}

// keepPassword returns the wanted password, or the kept one, or a new random one, and keeps it in a file
// that only this user can read.
func (p Paths) keepPassword(wanted string) (string, error) {
	kept, err := p.Password()
	if err != nil || wanted == "" && kept != "" || wanted == kept && kept != "" {
		return kept, err
	}
	if wanted == "" {
		wanted = rand.Text()
	}
	return wanted, hostdir.Replace(p.PasswordFile(), []byte(wanted+"\n"), 0o600)
}
