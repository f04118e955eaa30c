package compose

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// output is one file to write.
type output struct {
	name string // relative to the project, with slashes
	mode fs.FileMode
	data []byte
}

// write writes the file, whole or not at all, if it does not have that content and mode already. Directories on the
// way are made with the mode that the file's own mode asks for.
func (o output) write(root string) (changed bool, err error) {
	path := filepath.Join(root, filepath.FromSlash(o.name))
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, o.data) {
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() == o.mode {
			return false, err
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	dirMode := fs.FileMode(0o755)
	if o.mode&0o077 == 0 {
		dirMode = 0o700
	}
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return false, writing(path, err)
	}
	if err := hostdir.Replace(path, o.data, o.mode); err != nil {
		return false, writing(path, err)
	}
	return true, nil
}

func writing(path string, err error) error {
	return &fault.Error{Op: "write", Path: path, Err: err, Hint: "the directory must be writable by this user, and its disk not full"}
}
