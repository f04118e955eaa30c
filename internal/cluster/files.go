package cluster

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Files are the contents of a directory in memory, for copies of it.
type Files struct {
	List []File
	Size int64 // bytes
}

// File is one of Files.
type File struct {
	Name string // relative to the directory
	Data []byte
	Size int64 // bytes: zeros follow the data
}

// Add adds a file.
func (fs *Files) Add(f File) {
	fs.List = append(fs.List, f)
	fs.Size += f.Size
}

// batch is how many files a goroutine takes at a time.
const batch = 32

// Write makes the directory dir with the files in it. On error nothing is left.
func (fs *Files) Write(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := fs.WriteInto(dir); err != nil {
		os.RemoveAll(dir)
		return err
	}
	return nil
}

// WriteInto writes the files below the directory dir, whose subdirectories are there.
func (fs *Files) WriteInto(dir string) error {
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
				if begin >= len(fs.List) {
					return
				}
				for _, f := range fs.List[begin:min(end, len(fs.List))] {
					if err := f.write(int(top.Fd())); err != nil {
						errs <- &os.PathError{Op: "write", Path: filepath.Join(dir, f.Name), Err: err}
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
func (f *File) write(dir int) error {
	fd, err := unix.Openat(dir, f.Name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	for rest := f.Data; len(rest) > 0; {
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
	if int64(len(f.Data)) < f.Size {
		if err := unix.Ftruncate(fd, f.Size); err != nil {
			unix.Close(fd)
			return err
		}
	}
	return unix.Close(fd)
}
