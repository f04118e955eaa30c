package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// A backup is two names in the directory of backups: ID.json, and ID with the extension of its format. While it is
// made, both are in a directory whose name begins with partialPrefix, and which its maker keeps locked. The manifest
// is renamed first and the data last, so that data which has its final name is listed. A manifest without its data is
// listed as damaged once the directory that begins with partialPrefix is gone.
const (
	partialPrefix = ".partial-"
	partialLock   = "lock"
)

// idTime is the time in an ID, which is UTC.
const idTime = "20060102_150405"

// DefaultDir is where backups are unless a caller says otherwise: .nself/backups in the home directory.
func DefaultDir() (string, error) {
	home, err := hostdir.Home()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".nself", "backups"), nil
}

// place returns dir or the default as an absolute path.
func place(dir string) (string, error) {
	if dir == "" {
		return DefaultDir()
	}
	return filepath.Abs(dir)
}

// plain is what names and tags consist of, so that they can be part of a file's name.
var plain = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`) })

func checkWord(what, word string) error {
	if plain().MatchString(word) {
		return nil
	}
	return &fault.Error{Op: "use the " + what, Path: word, Err: errors.New("it cannot be part of a file's name"), Hint: "use up to 63 letters, digits, dots, hyphens and underscores, and a letter or digit first"}
}

// partial is a backup that is being made.
type partial struct {
	b    *Backup
	dir  string // of backups
	tmp  string
	lock *os.File
}

// begin makes the place of a new backup, and gives b its ID.
func begin(dir, kind string, b *Backup) (*partial, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &fault.Error{Op: "make the directory of backups", Path: dir, Err: err, Hint: "use a directory that this user can write"}
	}
	for ; ; time.Sleep(100 * time.Millisecond) {
		b.Created = time.Now().UTC()
		b.ID = b.Name + "_" + kind + "_" + b.Created.Format(idTime)
		if b.Tag != "" {
			b.ID += "_" + b.Tag
		}
		b.Path = filepath.Join(dir, b.ID+b.Format.extension())
		p := &partial{b: b, dir: dir, tmp: filepath.Join(dir, partialPrefix+b.ID)}
		if _, err := os.Lstat(p.manifest()); err == nil {
			continue // one of the same second
		}
		err := os.Mkdir(p.tmp, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, &fault.Error{Op: "make a backup in", Path: dir, Err: err, Hint: "use a directory that this user can write"}
		}
		p.lock, err = os.OpenFile(filepath.Join(p.tmp, partialLock), os.O_RDWR|os.O_CREATE, 0o600)
		if err == nil {
			err = hostdir.TryLock(p.lock)
		}
		if err != nil {
			p.discard()
			return nil, fmt.Errorf("lock a new backup: %w", err)
		}
		return p, nil
	}
}

// data is where the data is while it is made.
func (p *partial) data() string { return filepath.Join(p.tmp, "data") }

func (p *partial) manifest() string { return filepath.Join(p.dir, p.b.ID+".json") }

// commit makes the backup durable and gives it its names.
func (p *partial) commit(ctx context.Context) error {
	if err := private(p.data()); err != nil {
		return err
	}
	if err := p.b.describe(ctx, p.data()); err != nil {
		return err
	}
	if err := hostdir.SyncTree(p.data()); err != nil {
		return err
	}
	text := filepath.Join(p.tmp, "manifest")
	if err := p.b.write(text); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.Rename(text, p.manifest()); err != nil {
		return err
	}
	if err := hostdir.SyncPath(p.dir); err != nil {
		return err
	}
	if err := os.Rename(p.data(), p.b.Path); err != nil {
		os.Remove(p.manifest())
		return err
	}
	return hostdir.SyncPath(p.dir)
}

// discard removes what is left of the work, after commit as well.
func (p *partial) discard() {
	os.RemoveAll(p.tmp)
	if p.lock != nil {
		p.lock.Close()
	}
}

// private takes the access of others from everything at path.
func private(path string) error {
	return filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.Chmod(p, 0o700)
		case d.Type().IsRegular():
			return os.Chmod(p, 0o600)
		}
		return nil
	})
}
