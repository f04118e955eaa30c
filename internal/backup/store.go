package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// A backup is two names in the directory of backups: ID.json, and ID with the extension of its format. While it is
// made, both are in a directory whose name begins with partialPrefix, and which its maker keeps locked. The manifest
// is renamed first and the data last, so there is never data under a final name that is not listed; and a
// manifest without its data is not listed.
const (
	partialPrefix = ".partial-"
	partialLock   = "lock"
)

// DefaultDir is where backups are unless a caller says otherwise: .nself/backups in the home directory.
func DefaultDir() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return "", &fault.Error{Op: "find the directory of backups", Err: errors.New("there is no home directory"), Hint: "name a directory"}
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
var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

func checkWord(what, word string) error {
	if plain.MatchString(word) {
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
		b.ID = b.Name + "_" + kind + "_" + b.Created.Format("20060102_150405")
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
	if err := p.b.describe(p.data()); err != nil {
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

// List returns the complete backups in dir, oldest first; those of one name if name is not empty. Without a directory
// there are none. An empty dir is the default one.
func List(dir, name string) ([]Backup, error) {
	dir, err := place(dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &fault.Error{Op: "list the backups in", Path: dir, Err: err}
	}
	var all []Backup
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		b, err := readManifest(filepath.Join(dir, e.Name()))
		if errors.Is(err, errForeign) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if b.ID+".json" == e.Name() && (name == "" || b.Name == name) && b.present() == nil {
			all = append(all, *b)
		}
	}
	slices.SortFunc(all, func(a, b Backup) int { return a.Created.Compare(b.Created) })
	return all, nil
}

// Latest as the id of a backup is the newest one.
const Latest = "latest"

// Find returns the backup that which names: an ID in dir, Latest of those with the name, or the path of a file or
// directory. A path to what is no backup of ours gives a Backup with the Format alone, for a dump that someone else
// made.
func Find(dir, name, which string) (*Backup, error) {
	dir, err := place(dir)
	if err != nil {
		return nil, err
	}
	all, err := List(dir, "")
	if _, none := os.Stat(which); err != nil && none != nil {
		return nil, err // a file is restored also where the list is broken
	}
	for i := len(all) - 1; i >= 0; i-- {
		b := &all[i]
		if b.ID == which || filepath.Base(b.Path) == which || (which == Latest && (name == "" || b.Name == name)) {
			return b, nil
		}
	}
	if which == Latest {
		return nil, &fault.Error{Op: "find a backup", Path: dir, Err: errors.New("there is none"), Hint: "make one: nself backup create"}
	}
	path, err := filepath.Abs(which)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, &fault.Error{Op: "find the backup", Path: which, Err: errors.New("there is no backup of this ID in " + dir + ", and no such file"), Hint: "see nself backup list"}
	}
	beside := strings.TrimSuffix(path, filepath.Ext(path)) + ".json"
	if b, err := readManifest(beside); err == nil && b.Path == path {
		return b, b.present()
	}
	format, err := formatOf(path)
	if err != nil {
		return nil, err
	}
	return &Backup{ID: filepath.Base(path), Format: format, Path: path}, nil
}

// formatOf looks at a dump that has no manifest.
func formatOf(path string) (Format, error) {
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(path, name))
		return err == nil
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case st.IsDir() && has("toc.dat"):
		return Directory, nil
	case st.IsDir() && has("base.tar"):
		return BaseTar, nil
	case st.IsDir() && has("PG_VERSION") && has("backup_label"):
		return BasePlain, nil
	case st.IsDir():
		return "", &fault.Error{Op: "read the backup", Path: path, Err: errors.New("it is neither a dump nor a base backup"), Hint: "name a backup: nself backup list"}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := f.Read(head)
	switch head := string(head[:n]); {
	case strings.HasPrefix(head, "PGDMP"): // src/bin/pg_dump/pg_backup_archiver.c: WriteHead
		return Custom, nil
	case strings.HasPrefix(head, "toc.dat\x00"):
		return Tar, nil
	case strings.ContainsRune(head, 0):
		return "", &fault.Error{Op: "read the backup", Path: path, Err: errors.New("it is no dump of pg_dump"), Hint: "name a dump in custom, directory, tar or plain format"}
	}
	return Plain, nil
}
