package backup

import (
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
)

// Format is how a backup is kept.
type Format string

// The formats. The first four are pg_dump's, of one database; the last two are pg_basebackup's, of a cluster.
const (
	Custom    Format = "custom"    // one compressed file for pg_restore
	Plain     Format = "plain"     // SQL text for psql
	Directory Format = "directory" // a file a table, for pg_restore
	Tar       Format = "tar"       // the same as a tar file
	BaseTar   Format = "base-tar"  // the data directory as tar files
	BasePlain Format = "base"      // the data directory as it is
)

// Physical reports whether the backup is of a whole cluster.
func (f Format) Physical() bool { return f == BaseTar || f == BasePlain }

// formats are all of them.
var formats = []Format{Custom, Plain, Directory, Tar, BaseTar, BasePlain}

// extension is the end of the backup's file name; "" for no format.
func (f Format) extension() string {
	return map[Format]string{Custom: ".dump", Plain: ".sql", Directory: ".dir", Tar: ".tar", BaseTar: ".base", BasePlain: ".base"}[f]
}

// Backup describes a backup. It is kept as a file of JSON beside it.
type Backup struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"` // whose backup it is: the first part of ID
	Tag      string    `json:"tag,omitempty"`
	Created  time.Time `json:"created"` // when it began: a logical one shows the database as of then
	Format   Format    `json:"format"`
	Database string    `json:"database,omitempty"` // of a logical backup
	Version  string    `json:"server_version"`
	Size     int64     `json:"size"`             // bytes
	Files    []File    `json:"files"`            // what it consists of
	Tables   []Table   `json:"tables,omitempty"` // of a logical backup, unless left out
	Path     string    `json:"-"`                // the file or directory
	Damaged  error     `json:"-"`                // why it cannot be used; nil: nothing is known to be wrong with it

	Contents *Contents `json:"contents,omitempty"` // of a logical backup: what is needed beside the dump
	Base     *Base     `json:"base,omitempty"`     // of a physical backup
}

// File is one file of a backup.
type File struct {
	Name   string `json:"name"` // within a directory; "" if the backup is one file
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Table is what a table held in the snapshot of the backup.
type Table struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Sum    string `json:"sum"` // of the hashes of its rows
}

// Base is where a physical backup stands in the write-ahead log.
type Base struct {
	User     string `json:"user"` // a superuser of the cluster
	System   string `json:"system_identifier"`
	StartWAL string `json:"start_wal"` // name of the first segment that its recovery needs
	StartLSN string `json:"start_lsn"`
}

// manifestVersion is raised when an older program cannot read a manifest any more.
const manifestVersion = 1

// manifest is a Backup as it is kept.
type manifest struct {
	Kind    string `json:"kind"`
	Version int    `json:"version"`
	Backup
}

const manifestKind = "nself backup"

func (b *Backup) write(path string) error {
	text, err := json.MarshalIndent(manifest{manifestKind, manifestVersion, *b}, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// errForeign says that a file is no manifest of ours.
var errForeign = errors.New("its description cannot be read")

func readManifest(path string) (*Backup, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var m manifest
	if json.Unmarshal(text, &m) != nil || m.Kind != manifestKind {
		return nil, errForeign
	}
	if m.Version > manifestVersion {
		return nil, fmt.Errorf("its description has version %d, and this program knows %d: it was made by a newer program", m.Version, manifestVersion)
	}
	m.Path = filepath.Join(filepath.Dir(path), m.ID+m.Format.extension())
	return &m.Backup, nil
}

// present says what of the backup's files is missing or has another size.
func (b *Backup) present() error {
	for _, f := range b.Files {
		st, err := os.Stat(filepath.Join(b.Path, f.Name))
		if err != nil {
			return err
		}
		if !st.Mode().IsRegular() || st.Size() != f.Size {
			return fmt.Errorf("%s has %d bytes instead of %d", filepath.Join(filepath.Base(b.Path), f.Name), st.Size(), f.Size)
		}
	}
	return nil
}

// checkFiles compares every file with its checksum. A backup that is known to be damaged is an error at once.
func (b *Backup) checkFiles(ctx context.Context, progress func(done, total int64)) error {
	if err := b.usable(nil); err != nil {
		return err
	}
	var done int64
	for _, f := range b.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		sum, size, err := hashFile(ctx, filepath.Join(b.Path, f.Name))
		if errors.Is(err, fs.ErrNotExist) {
			err = &fault.Error{Op: "check the backup", Path: b.ID, Err: fmt.Errorf("%w: %w", ErrDamaged, err), Hint: "use another backup"}
		}
		if err != nil {
			return err
		}
		if sum != f.SHA256 || size != f.Size {
			return &fault.Error{Op: "check the backup", Path: filepath.Join(b.Path, f.Name), Err: fmt.Errorf("%w: its checksum differs", ErrDamaged), Hint: "use another backup"}
		}
		done += size
		progress(done, b.Size)
	}
	return nil
}

// describe fills in the files of what is at path, and their sizes and checksums.
func (b *Backup) describe(ctx context.Context, path string) error {
	b.Files, b.Size = nil, 0
	return filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(path, p)
		if err != nil {
			return err
		}
		if name == "." {
			name = ""
		}
		f := File{Name: filepath.ToSlash(name)}
		if f.SHA256, f.Size, err = hashFile(ctx, p); err != nil {
			return err
		}
		b.Size += f.Size
		b.Files = append(b.Files, f)
		return nil
	})
}

func hashFile(ctx context.Context, path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, &cancelable{ctx, f})
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// cancelable is a reader that ends with its context.
type cancelable struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
