package hostdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes a file whole or not at all: the data goes to a file of another name in the same
// directory, is flushed, and takes the name by a rename, which is flushed too. A link of that name
// is replaced, not followed. After an error what was there before is as it was.
func Replace(path string, data []byte, mode fs.FileMode) error {
	if err := replace(path, data, mode, (*os.File).Sync); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// ReplaceUnflushed does the same without flushing, in a tenth of the time: whoever reads the file sees
// the old or the new one, but after a crash of the machine it may be empty. It is for what a crash of
// the machine makes void anyway.
func ReplaceUnflushed(path string, data []byte, mode fs.FileMode) error {
	return replace(path, data, mode, func(*os.File) error { return nil })
}

func replace(path string, data []byte, mode fs.FileMode, flush func(*os.File) error) error {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, "."+base+".new-") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), flush(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
