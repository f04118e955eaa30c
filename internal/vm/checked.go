//go:build unix

package vm

import (
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// checkedSuffix ends the name of the file beside an entry that says which file was found intact. That one is not read through
// again until the machine starts anew or somebody changes it, which its times tell: what is in the page cache stays as it is.
const checkedSuffix = ".checked"

// settled is how long a file must have been left alone before it is noted as intact: a change within the same tick of the file
// system's clock would leave its times as they are.
const settled = 2 * time.Second

// check reads the entry through, if nobody has since the machine started or the file was changed.
func (c *cache) check(f *os.File, size int64) error {
	sum, err := readTrailer(f, size, c.key)
	if err != nil {
		return err
	}
	id, changed := identify(f)
	if noted, err := c.dir.ReadFile(c.file + checkedSuffix); err == nil && id != "" && string(noted) == id {
		return nil
	}
	if err := verifyContent(f, size-trailerSize, sum); err != nil {
		return err
	}
	if id != "" && time.Since(changed) > c.settled {
		c.note(id)
	}
	return nil
}

// note keeps the identity of the entry that is intact. Where it cannot be written, the next start reads the entry again.
func (c *cache) note(id string) {
	name := c.file + checkedSuffix
	next := name + "." + rand.Text()[:8] + ".tmp"
	err := c.dir.WriteFile(next, []byte(id), 0o600)
	if err == nil {
		err = c.dir.Rename(next, name)
	}
	if err != nil {
		_ = c.dir.Remove(next)
	}
}

// identify returns what a file is as long as the machine runs and nobody changes the file, and when it was changed last. Where
// the system does not tell, it is "".
func identify(f *os.File) (id string, changed time.Time) {
	var st unix.Stat_t
	boot := bootID()
	if boot == "" || unix.Fstat(int(f.Fd()), &st) != nil {
		return "", time.Time{}
	}
	return fmt.Sprintf("%s %d %d %d %d %d\n", boot, st.Dev, st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano()), time.Unix(st.Ctim.Unix())
}
