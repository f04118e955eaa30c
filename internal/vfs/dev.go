package vfs

import (
	"crypto/rand"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A Dev is what a guest finds at /dev, less shm, which is a mount of its own:
// null, zero, random and urandom. They are served here, so no device of the host
// is ever opened.
type Dev struct {
	readOnly
	dev  uint64
	born time.Time
}

// NewDev returns the devices.
func NewDev() *Dev { return &Dev{dev: newDevice(), born: time.Now()} }

// A device is one of them. Its number is Linux's: Documentation/admin-guide/devices.txt,
// major 1.
type device struct {
	minor uint64
	ino   uint64
	read  func(p []byte) int
}

var deviceTable = map[string]device{
	"null":    {minor: 3, ino: 2, read: func([]byte) int { return 0 }},
	"zero":    {minor: 5, ino: 3, read: func(p []byte) int { clear(p); return len(p) }},
	"random":  {minor: 8, ino: 4, read: readRandom},
	"urandom": {minor: 9, ino: 5, read: readRandom},
}

// readRandom never fails: crypto/rand ends the program rather than return less.
func readRandom(p []byte) int {
	rand.Read(p)
	return len(p)
}

// Open implements FS.
func (d *Dev) Open(name string, flag int, _ uint32) (File, error) {
	f, err := d.open(name, flag)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return f, nil
}

func (d *Dev) open(name string, flag int) (File, error) {
	if err := checkFlags(flag); err != nil {
		return nil, err
	}
	st, dev, err := d.lookup(name)
	switch {
	case err == syscall.ENOENT && flag&O_CREAT != 0:
		return nil, syscall.EROFS
	case err != nil:
		return nil, err
	case flag&(O_CREAT|O_EXCL) == O_CREAT|O_EXCL:
		return nil, syscall.EEXIST
	case st.IsDir() && (writes(flag) || flag&O_CREAT != 0):
		return nil, syscall.EISDIR
	case st.IsDir():
		return newListing(st, d.entries()), nil
	case flag&O_DIRECTORY != 0:
		return nil, syscall.ENOTDIR
	}
	return &devFile{stat: st, device: dev, access: flag & O_ACCMODE}, nil
}

func (d *Dev) entries() []DirEntry {
	var list []DirEntry
	for name, dev := range deviceTable {
		list = append(list, DirEntry{Name: name, Ino: dev.ino, Type: DT_CHR})
	}
	slices.SortFunc(list, func(a, b DirEntry) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (d *Dev) lookup(name string) (Stat, device, error) {
	st := Stat{
		Dev: d.dev, Ino: 1, Mode: S_IFDIR | 0o755, Nlink: 2, Blksize: 4096,
		Atime: d.born, Mtime: d.born, Ctime: d.born,
	}
	rel, err := relative(name)
	if err != nil || rel == "." {
		return st, device{}, err
	}
	first, _, deeper := strings.Cut(rel, "/")
	dev, ok := deviceTable[first]
	switch {
	case !ok:
		return st, dev, syscall.ENOENT
	case deeper:
		return st, dev, syscall.ENOTDIR
	}
	st.Ino, st.Mode, st.Nlink, st.Rdev = dev.ino, S_IFCHR|0o666, 1, 1<<8|dev.minor
	return st, dev, nil
}

// Stat implements FS.
func (d *Dev) Stat(name string, _ bool) (Stat, error) {
	st, _, err := d.lookup(name)
	return st, pathError("stat", name, err)
}

// Readlink implements FS: there are no links.
func (d *Dev) Readlink(name string) (string, error) {
	_, _, err := d.lookup(name)
	if err == nil {
		err = syscall.EINVAL
	}
	return "", pathError("readlink", name, err)
}

// Truncate implements FS: a device has no length.
func (d *Dev) Truncate(name string, _ int64) error {
	_, _, err := d.lookup(name)
	if err == nil {
		err = syscall.EINVAL
	}
	return pathError("truncate", name, err)
}

// maxDeviceRead bounds one read, in bytes: nobody should have to wait for gigabytes of random numbers.
const maxDeviceRead = 1 << 20

// A devFile is an open device. It has no offset.
type devFile struct {
	stat   Stat
	device device
	access int
}

func (f *devFile) Read(p []byte) (int, error) {
	if f.access == O_WRONLY {
		return 0, syscall.EBADF
	}
	return f.device.read(p[:min(len(p), maxDeviceRead)]), nil
}

func (f *devFile) Write(p []byte) (int, error) {
	if f.access == O_RDONLY {
		return 0, syscall.EBADF
	}
	return len(p), nil
}

func (f *devFile) Pread(p []byte, _ int64) (int, error)  { return f.Read(p) }
func (f *devFile) Pwrite(p []byte, _ int64) (int, error) { return f.Write(p) }
func (f *devFile) Seek(int64, int) (int64, error)        { return 0, nil }
func (f *devFile) Truncate(int64) error                  { return syscall.EINVAL }
func (f *devFile) Allocate(int64, int64) error           { return syscall.ENODEV }
func (f *devFile) Sync(bool) error                       { return syscall.EINVAL }
func (f *devFile) Stat() (Stat, error)                   { return f.stat, nil }
func (f *devFile) Chmod(uint32) error                    { return syscall.EROFS }
func (f *devFile) ReadDir() ([]DirEntry, error)          { return nil, syscall.ENOTDIR }
func (f *devFile) Fd() int                               { return -1 }
func (f *devFile) Close() error                          { return nil }
