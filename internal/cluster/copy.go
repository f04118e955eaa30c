package cluster

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
)

// copyOptions say how a tree of files is copied.
type copyOptions struct {
	skip  func(name string, d fs.DirEntry) bool // by name relative to the top; of a directory also what is in it
	gone  bool                                  // a file that disappears in the meantime is no error: a server is running
	holes bool                                  // blocks of zeros become holes: quicker, but writing there can run out of space
}

// copyBlock is how much is read and written at a time: bytes.
const copyBlock = 256 << 10

// copyTree copies the directories and regular files below from into the existing directory to, several at a time.
// Where the file system can, a copy shares its blocks with the original until one of them is written to; shared reports
// whether all do. Links and other kinds of files are refused: a data directory has none that this server can use.
func copyTree(ctx context.Context, from, to string, o copyOptions) (shared bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	names := make(chan string, 64)
	c := copier{holes: o.holes}
	var wg sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			buf := make([]byte, copyBlock)
			for name := range names {
				if ctx.Err() != nil {
					continue
				}
				err := c.file(filepath.Join(from, name), filepath.Join(to, name), buf)
				if err != nil && !(o.gone && errors.Is(err, fs.ErrNotExist)) {
					cancel(err)
				}
			}
		})
	}
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && o.gone && errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case path == from:
			return nil
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if o.skip != nil && o.skip(name, d) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		switch {
		case d.IsDir():
			return os.Mkdir(filepath.Join(to, name), 0o700)
		case d.Type().IsRegular():
			names <- name
			return nil
		}
		return &fs.PathError{Op: "copy", Path: path, Err: errors.New("it is neither a file nor a directory")}
	})
	close(names)
	wg.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	return !c.plain.Load(), err
}

// copier copies files between the same two file systems. Its methods are safe for concurrent use.
type copier struct {
	holes bool
	plain atomic.Bool // blocks cannot be shared
}

// file makes the new file to with the contents of from. The buffer is for it to use.
func (c *copier) file(from, to string, buf []byte) (err error) {
	if !c.plain.Load() {
		if err := shareFile(from, to); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		c.plain.Store(true)
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := dst.Close(); err == nil {
			err = e
		}
	}()
	var size, end int64 // read, and written up to
	for {
		n, err := src.Read(buf)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if !c.holes || !zeros(buf[:n]) {
			if _, err := dst.WriteAt(buf[:n], size); err != nil {
				return err
			}
			end = size + int64(n)
		}
		size += int64(n)
	}
	if end < size {
		return dst.Truncate(size)
	}
	return nil
}

// zeros reports whether b, of at most copyBlock bytes, holds only zeros.
func zeros(b []byte) bool { return bytes.Equal(b, zeroBlock[:len(b)]) }

var zeroBlock [copyBlock]byte
