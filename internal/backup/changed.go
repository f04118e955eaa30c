package backup

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"nself.org/embeddedpg/internal/fault"
)

// seen is what a file looked like.
type seen struct {
	path     string
	size     int64
	modified time.Time
}

// fingerprint tells the files at path apart from what they may become while they are read.
func fingerprint(path string) (files []seen, err error) {
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err == nil {
			files = append(files, seen{p, st.Size(), st.ModTime()})
		}
		return err
	})
	return files, err
}

// unchanged is an error if the files at path are not what they were.
func unchanged(path string, before []seen) error {
	now, err := fingerprint(path)
	if err == nil && !slices.EqualFunc(before, now, func(a, b seen) bool {
		return a.path == b.path && a.size == b.size && a.modified.Equal(b.modified)
	}) {
		err = errors.New("it changed while it was read")
	}
	if err != nil {
		return &fault.Error{Op: "restore", Path: path, Err: err, Hint: "wait until it is written"}
	}
	return nil
}
