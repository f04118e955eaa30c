package testserver

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// contents are the contents of a template's directory, for copies of it.
type contents struct {
	files []contentFile
	size  int64 // bytes
}

type contentFile struct {
	name string
	data []byte
	size int64 // bytes: zeros follow the data
}

func (im *contents) add(f contentFile) {
	im.files = append(im.files, f)
	im.size += f.size
}

// maxImage is how large a template may be for its contents to be held in memory: bytes.
const maxImage = 256 << 20

var errTooLarge = errors.New("the template is too large to be held in memory")

func readContents(dir string) (*contents, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	im := &contents{}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			return nil, errors.New("the template's directory holds something that is not a file: " + e.Name())
		}
		st, err := e.Info()
		if err != nil {
			return nil, err
		}
		if im.size+st.Size() > maxImage {
			return nil, errTooLarge
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		im.add(contentFile{e.Name(), data, int64(len(data))})
	}
	return im, nil
}

// batch is how many files a goroutine takes at a time.
const batch = 32

// write makes the directory dir with the files in it. On error nothing is left.
func (im *contents) write(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := im.writeInto(dir); err != nil {
		os.RemoveAll(dir)
		return err
	}
	return nil
}

// writeInto writes the files below the directory dir, whose subdirectories are there.
func (im *contents) writeInto(dir string) error {
	top, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer top.Close()
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, runtime.GOMAXPROCS(0))
	for range cap(errs) {
		wg.Go(func() {
			for {
				end := int(next.Add(batch))
				begin := end - batch
				if begin >= len(im.files) {
					return
				}
				for _, f := range im.files[begin:min(end, len(im.files))] {
					if err := f.write(int(top.Fd())); err != nil {
						errs <- &os.PathError{Op: "write", Path: filepath.Join(dir, f.name), Err: err}
						return
					}
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

// write makes the file below an open directory. It calls the system directly: an os.File costs as much as the call.
func (f *contentFile) write(dir int) error {
	fd, err := unix.Openat(dir, f.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	for rest := f.data; len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			unix.Close(fd)
			return err
		}
		rest = rest[n:]
	}
	if int64(len(f.data)) < f.size {
		if err := unix.Ftruncate(fd, f.size); err != nil {
			unix.Close(fd)
			return err
		}
	}
	return unix.Close(fd)
}
