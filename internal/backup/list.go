package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"nself.org/embeddedpg/internal/fault"
)

// List returns the backups in dir, oldest first; those of one name if name is not empty. Damaged ones are among them: their
// Damaged says why, and nothing but ID, Name, Tag, Created and Path may be known of them. What is still being made, and
// what an interrupted maker left, is not. A directory that does not exist holds none. An empty dir is the default one.
//
// Only the sizes of the files are compared with what the backup's description says, not their checksums.
func List(ctx context.Context, dir, name string) ([]Backup, error) {
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
	found := map[string]*Backup{}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var b *Backup
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok && e.Type().IsRegular() {
			b = listed(dir, id)
		} else if id, ok := cutExtension(e.Name()); ok && found[id] == nil {
			b = withoutManifest(dir, id)
		}
		if b != nil && (name == "" || b.Name == name) {
			found[b.ID] = b
		}
	}
	var all []Backup
	for _, b := range found {
		all = append(all, *b)
	}
	slices.SortFunc(all, func(a, b Backup) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return all, nil
}

// listed returns the backup whose manifest is ID.json; nil if that is not a backup's, or one that is not complete.
func listed(dir, id string) *Backup {
	b, err := readManifest(filepath.Join(dir, id+".json"))
	switch {
	case errors.Is(err, fs.ErrNotExist): // it has just been removed
		return nil
	case err != nil:
		if b = fromID(dir, id); b != nil {
			b.Damaged = err
		}
		return b
	case b.ID != id:
		return nil // a copy of a manifest under another name
	}
	if b.Damaged = b.present(); errors.Is(b.Damaged, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(dir, partialPrefix+id)); err == nil {
			return nil // the data does not have its name yet, or no longer has it
		}
		b.Damaged = b.present() // it may have got its name meanwhile
	}
	return b
}

// withoutManifest returns the damaged backup whose data is there and whose manifest is not.
func withoutManifest(dir, id string) *Backup {
	b := fromID(dir, id)
	if b == nil {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(dir, id+".json")); !errors.Is(err, fs.ErrNotExist) {
		return nil // listed by it
	}
	if _, err := os.Lstat(b.Path); err != nil {
		return nil
	}
	b.Damaged = fmt.Errorf("its description %s.json is missing", id)
	return b
}

// idParts are name, kind, time and tag of an ID.
var idParts = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)_(full|base)_(\d{8}_\d{6})(?:_([A-Za-z0-9][A-Za-z0-9._-]*))?$`)
})

// fromID returns what the ID tells of a backup that has no readable manifest; nil if it is not an ID.
func fromID(dir, id string) *Backup {
	m := idParts().FindStringSubmatch(id)
	if m == nil {
		return nil
	}
	created, err := time.Parse(idTime, m[3])
	if err != nil {
		return nil
	}
	created = created.Add(time.Second - 1) // it began in that second: it may be younger than others of the same
	b := &Backup{ID: id, Name: m[1], Tag: m[4], Created: created, Format: Custom, Path: filepath.Join(dir, id+Custom.extension())}
	if m[2] == "base" {
		b.Format, b.Path = BaseTar, filepath.Join(dir, id+BaseTar.extension())
	}
	for _, f := range formats {
		path := filepath.Join(dir, id+f.extension())
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		b.Path, b.Size = path, sizeOf(path)
		if actual, err := formatOf(path); err == nil && actual.Physical() == b.Format.Physical() {
			b.Format = actual
		}
		break
	}
	return b
}

// cutExtension returns the ID that the name of a backup's data contains.
func cutExtension(name string) (id string, ok bool) {
	for _, f := range formats {
		if id, ok := strings.CutSuffix(name, f.extension()); ok {
			return id, true
		}
	}
	return "", false
}

// Latest as the id of a backup is the newest one.
const Latest = "latest"

// Find returns the backup that which names: an ID in dir, Latest of those with the name, or the path of a file or
// directory. A path to something else than a backup of ours gives a Backup with ID, Format and Path alone, for a dump that
// someone else made. A damaged backup is an error, also as the latest one: an older one is not taken in its place.
func Find(ctx context.Context, dir, name, which string) (*Backup, error) {
	dir, err := place(dir)
	if err != nil {
		return nil, err
	}
	all, err := List(ctx, dir, "")
	if _, none := os.Stat(which); err != nil && none != nil {
		return nil, err // a file is restored also where the list cannot be read
	}
	for i := len(all) - 1; i >= 0; i-- {
		b := &all[i]
		if b.ID == which || filepath.Base(b.Path) == which || (which == Latest && (name == "" || b.Name == name)) {
			return b, b.usable(all)
		}
	}
	if which == Latest {
		return nil, &fault.Error{Op: "find a backup", Path: dir, Err: ErrNoBackup, Hint: "make one"}
	}
	path, err := filepath.Abs(which)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, &fault.Error{Op: "find the backup", Path: which, Err: fmt.Errorf("%w of this ID in %s, and no such file", ErrNoBackup, dir), Hint: "give the ID of a backup in that directory, or the path of a file"}
	}
	beside := strings.TrimSuffix(path, filepath.Ext(path)) + ".json"
	if b, err := readManifest(beside); err == nil && b.Path == path {
		b.Damaged = b.present()
		return b, b.usable(nil)
	}
	format, err := formatOf(path)
	if err != nil {
		return nil, err
	}
	return &Backup{ID: filepath.Base(path), Format: format, Path: path}, nil
}

// ErrNoBackup says that there is no such backup.
var ErrNoBackup = errors.New("there is no backup")

// ErrDamaged says that a backup cannot be relied on.
var ErrDamaged = errors.New("the backup is damaged")

// usable is an error if the backup is damaged. It names the newest one among all that is of the same kind and not.
func (b *Backup) usable(all []Backup) error {
	if b.Damaged == nil {
		return nil
	}
	hint := "use another backup"
	for _, other := range slices.Backward(all) {
		if other.Damaged == nil && other.Name == b.Name && other.Format.Physical() == b.Format.Physical() {
			hint = "the newest one that is whole is " + other.ID
			break
		}
	}
	return &fault.Error{Op: "use the backup", Path: b.ID, Err: fmt.Errorf("%w: %w", ErrDamaged, b.Damaged), Hint: hint}
}
