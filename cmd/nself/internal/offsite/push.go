package offsite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/fault"
)

// description is the object that makes a backup of objects.
type description struct {
	Version  int             `json:"version"`
	Manifest json.RawMessage `json:"manifest"` // the backup's own
	Objects  []stored        `json:"objects"`  // in the order of the manifest's files
}

// stored is an object as it was sent.
type stored struct {
	Key    string `json:"key"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// descriptionVersion is raised when an older program cannot read a description any more.
const descriptionVersion = 1

// Progress is told how many bytes of how many are done.
type Progress func(stage backup.Stage, done, total int64)

// Stages of Push and Pull.
const (
	StageUpload   backup.Stage = "upload"
	StageReadBack backup.Stage = "read-back"
	StageDownload backup.Stage = "download"
)

// ErrDamaged says that a store does not give back what was put there.
var ErrDamaged = errors.New("the store does not give back what was put there")

func damaged(what string, err error) error {
	return &fault.Error{Op: "read", Path: what, Err: fmt.Errorf("%w: %w", ErrDamaged, err), Hint: "use another backup, and do not trust this store before you know why"}
}

// Push stores a backup and reads it back. One that is there already is only read back. If ctx ends, or anything fails, there is
// nothing that List shows; Prune removes what is left.
func (s *Store) Push(ctx context.Context, k *Key, b *backup.Backup, progress Progress) error {
	key := b.Name + "/" + b.ID
	d, err := s.describe(ctx, k, key)
	if err == nil {
		return s.readBack(ctx, d, progress)
	}
	if !errors.Is(err, ErrMissing) {
		return err
	}
	if b.Format == backup.BasePlain || len(b.Files) == 0 {
		return &fault.Error{Op: "store the backup", Path: b.ID, Err: errors.New("directories and links of this format would be lost, or nothing describes it"), Hint: "store one that nself backup create made, of another format than a base backup's plain one"}
	}
	manifest, err := b.Manifest()
	if err != nil {
		return err
	}
	d = &description{Version: descriptionVersion, Manifest: manifest}
	var done int64
	for i, f := range b.Files {
		o, err := s.send(ctx, k, fmt.Sprintf("%s/%d.age", key, i), filepath.Join(b.Path, filepath.FromSlash(f.Name)), f, func(n int64) { progress(StageUpload, done+n, b.Size) })
		if err != nil {
			return err
		}
		done += f.Size
		d.Objects = append(d.Objects, o)
	}
	if err := s.readBack(ctx, d, progress); err != nil {
		return err
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	sealed, err := io.ReadAll(k.seal(bytes.NewReader(text)))
	if err != nil {
		return err
	}
	if err := s.put(ctx, key+".age", bytes.NewReader(sealed)); err != nil {
		return err
	}
	back, err := s.describe(ctx, k, key)
	if err == nil && !bytes.Equal(mustJSON(back), text) {
		err = damaged(key+".age", errors.New("the description is another one"))
	}
	return err
}

func mustJSON(d *description) []byte {
	text, _ := json.Marshal(d) // of strings and numbers
	return text
}

// send stores one file of a backup, which must be what its manifest says.
func (s *Store) send(ctx context.Context, k *Key, key, path string, f backup.File, progress func(int64)) (stored, error) {
	file, err := os.Open(path)
	if err != nil {
		return stored{}, err
	}
	defer file.Close()
	plain := &meter{r: file, hash: sha256.New(), progress: progress}
	source := k.seal(plain)
	defer source.Close()
	sealed := &meter{r: source, hash: sha256.New()}
	if err := s.put(ctx, key, sealed); err != nil {
		return stored{}, err
	}
	if plain.n != f.Size || plain.sum() != f.SHA256 {
		return stored{}, &fault.Error{Op: "read the backup", Path: path, Err: backup.ErrDamaged, Hint: "make another one: nself backup create"}
	}
	return stored{key, sealed.n, sealed.sum()}, nil
}

// readBack compares the objects in the store with what was sent.
func (s *Store) readBack(ctx context.Context, d *description, progress Progress) error {
	var done, total int64
	for _, o := range d.Objects {
		total += o.Size
	}
	for _, o := range d.Objects {
		r, err := s.get(ctx, o.Key)
		if errors.Is(err, ErrMissing) {
			return damaged(o.Key, err)
		}
		if err != nil {
			return err
		}
		m := &meter{r: r, hash: sha256.New(), progress: func(n int64) { progress(StageReadBack, done+n, total) }}
		_, err = io.Copy(io.Discard, m)
		r.Close()
		if err != nil {
			return s.explain(ctx, "read", o.Key, err)
		}
		if m.n != o.Size || m.sum() != o.SHA256 {
			return damaged(o.Key, fmt.Errorf("it has %d bytes with another checksum, and was sent with %d", m.n, o.Size))
		}
		done += o.Size
	}
	return nil
}

// describe reads the description of a backup: the error of one that is not there is ErrMissing.
func (s *Store) describe(ctx context.Context, k *Key, key string) (*description, error) {
	r, err := s.get(ctx, key+".age")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	plain, err := k.open(r, key+".age")
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		return nil, damaged(key+".age", err)
	}
	d := &description{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, damaged(key+".age", err)
	}
	if d.Version > descriptionVersion {
		return nil, &fault.Error{Op: "read", Path: key + ".age", Err: errors.New("a newer nself has stored it"), Hint: "use that one"}
	}
	for _, o := range d.Objects {
		if !strings.HasPrefix(o.Key, key+"/") {
			return nil, damaged(key+".age", errors.New("it is the description of another backup"))
		}
	}
	return d, nil
}

// meter counts and adds up what is read.
type meter struct {
	r        io.Reader
	hash     hash.Hash
	n        int64
	progress func(int64)
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.hash.Write(p[:n])
	m.n += int64(n)
	if m.progress != nil {
		m.progress(m.n)
	}
	return n, err
}

func (m *meter) sum() string { return hex.EncodeToString(m.hash.Sum(nil)) }
