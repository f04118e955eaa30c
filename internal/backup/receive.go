package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// Manifest is the backup's description, as ParseManifest and Receive take it.
func (b *Backup) Manifest() ([]byte, error) {
	return json.Marshal(manifest{manifestKind, manifestVersion, *b})
}

// ParseManifest reads a description. Path is not known of it.
func ParseManifest(text []byte) (*Backup, error) {
	var m manifest
	if json.Unmarshal(text, &m) != nil || m.Kind != manifestKind {
		return nil, errForeign
	}
	if m.Version > manifestVersion {
		return nil, fmt.Errorf("its description has version %d, and this program knows %d: it was made by a newer program", m.Version, manifestVersion)
	}
	return &m.Backup, nil
}

// IDTime returns when the backup of an ID began, if it is one of a name.
func IDTime(id, name string) (time.Time, bool) {
	m := idParts().FindStringSubmatch(id)
	if m == nil || m[1] != name {
		return time.Time{}, false
	}
	at, err := time.Parse(idTime, m[3])
	return at, err == nil
}

// Receive puts a backup into dir that comes from elsewhere: its ID, its description, and a function that writes the next of its
// files each time. Every file is compared with its checksum (ErrDamaged) before the backup is there. If it is there already,
// nothing is asked for.
func Receive(ctx context.Context, dir, id string, text []byte, next func(io.Writer) error) (*Backup, error) {
	b, err := ParseManifest(text)
	if err != nil {
		return nil, err
	}
	_, known := IDTime(b.ID, b.Name)
	for _, f := range b.Files {
		known = known && (f.Name == "" && len(b.Files) == 1 || filepath.IsLocal(f.Name))
	}
	if !known || b.ID != id || b.Format.extension() == "" || len(b.Files) == 0 {
		return nil, &fault.Error{Op: "receive the backup", Path: id, Err: fmt.Errorf("%w: its description is of something else", ErrDamaged)}
	}
	if dir, err = place(dir); err != nil {
		return nil, err
	}
	p := &partial{b: b, dir: dir, tmp: filepath.Join(dir, partialPrefix+b.ID)}
	b.Path = filepath.Join(dir, b.ID+b.Format.extension())
	if present, err := readManifest(p.manifest()); err == nil && present.present() == nil {
		return present, sameManifest(present, text)
	}
	if _, err := os.Lstat(p.manifest()); err == nil {
		return nil, &fault.Error{Op: "receive the backup", Path: p.manifest(), Err: errors.New("one of this ID is there, and damaged"), Hint: "move it away first"}
	}
	if err := p.again(); err != nil {
		return nil, err
	}
	defer p.discard()
	for _, f := range b.Files {
		if err := receiveFile(filepath.Join(p.data(), filepath.FromSlash(f.Name)), f, next); err != nil {
			return nil, err
		}
	}
	return b, p.commit(ctx)
}

// sameManifest is an error if a backup of the same ID is another one.
func sameManifest(b *Backup, text []byte) error {
	own, err := b.Manifest()
	if err == nil && !bytes.Equal(own, text) {
		err = &fault.Error{Op: "receive the backup", Path: b.Path, Err: errors.New("another backup of this ID is there"), Hint: "move it away, or give another directory: --dir"}
	}
	return err
}

// again makes the place of a backup whose ID is known, also where a killed program has left one.
func (p *partial) again() error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return &fault.Error{Op: "make the directory of backups", Path: p.dir, Err: err, Hint: "use a directory that this user can write"}
	}
	if _, err := removePartial(p.dir, p.b.ID, false); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := os.Mkdir(p.tmp, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return &fault.Error{Op: "receive the backup", Path: p.b.ID, Err: errors.New("another program is at it"), Hint: "wait for that one"}
	}
	if err != nil {
		return err
	}
	if p.lock, err = os.OpenFile(filepath.Join(p.tmp, partialLock), os.O_RDWR|os.O_CREATE, 0o600); err == nil {
		err = hostdir.TryLock(p.lock)
	}
	if err != nil {
		p.discard()
	}
	return err
}

// receiveFile writes one file.
func receiveFile(path string, f File, next func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	err = next(io.MultiWriter(file, h))
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if st, err := os.Stat(path); err != nil || st.Size() != f.Size || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return &fault.Error{Op: "receive the backup", Path: f.Name, Err: fmt.Errorf("%w: its checksum differs", ErrDamaged), Hint: "use another backup"}
	}
	return nil
}

// Describe makes a Backup of files that are at path, as if it had been made there under an ID.
func Describe(ctx context.Context, path, id string, format Format, database string) (*Backup, error) {
	m := idParts().FindStringSubmatch(id)
	if m == nil {
		return nil, fmt.Errorf("%q is not the ID of a backup", id)
	}
	created, err := time.Parse(idTime, m[3])
	if err != nil {
		return nil, err
	}
	b := &Backup{ID: id, Name: m[1], Tag: m[4], Created: created, Format: format, Database: database, Path: path}
	return b, b.describe(ctx, path)
}
