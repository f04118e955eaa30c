package vfs

import (
	"archive/zip"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ImageCache is how much decompressed content an Image keeps for the next open,
// in bytes: 16 MiB. What goes beyond is decompressed anew at each open.
const ImageCache = 16 << 20

// An Image is a read-only file system made from an fs.FS, such as a zip archive.
// Its list of files is read once, so Stat and ReadDir never go to the source after
// that; content is read on the first open.
//
// Files have mode 0444, or 0555 if the source calls them executable, directories
// 0555. Only regular files and directories are taken over. Any change is EROFS.
type Image struct {
	readOnly
	dev    uint64
	source fs.FS
	files  map[string]*imageNode // by relative name, "." for the root
	cached atomic.Int64          // bytes
	list   func() error          // fills files, once
}

type imageNode struct {
	name     string
	ino      uint64
	mode     uint32
	size     int64
	mtime    time.Time
	children []DirEntry

	mu struct {
		sync.Mutex
		data []byte // nil until it is read, and again if it is not to be kept
	}
}

// NewImage lists source. A directory that exists only as a part of a name, as in
// many zip archives, is a directory all the same.
func NewImage(source fs.FS) (*Image, error) {
	i := NewImageLater(source)
	return i, i.list()
}

// NewImageLater is as NewImage, but lists source when the guest first looks there: who never does pays nothing. Every
// call fails where it cannot be listed.
func NewImageLater(source fs.FS) *Image {
	i := &Image{dev: newDevice(), source: source, files: map[string]*imageNode{}}
	i.list = sync.OnceValue(i.listAll)
	return i
}

func (i *Image) listAll() error {
	i.node(".", S_IFDIR|0o555)
	if archive, ok := i.source.(*zip.Reader); ok {
		// Its WalkDir opens a decompressor for each file.
		for _, f := range archive.File {
			if name := strings.TrimSuffix(f.Name, "/"); fs.ValidPath(name) {
				i.add(name, f.FileInfo())
			}
		}
	} else if err := fs.WalkDir(i.source, ".", i.visit); err != nil {
		return pathError("list image", ".", err)
	}
	for _, n := range i.files {
		slices.SortFunc(n.children, func(a, b DirEntry) int { return strings.Compare(a.Name, b.Name) })
	}
	return nil
}

func (i *Image) visit(name string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	i.add(name, info)
	return nil
}

func (i *Image) add(name string, info fs.FileInfo) {
	mode := uint32(S_IFREG | 0o444)
	switch {
	case info.IsDir():
		mode = S_IFDIR | 0o555
	case !info.Mode().IsRegular():
		return
	case info.Mode()&0o111 != 0:
		mode |= 0o111
	}
	n := i.node(name, mode)
	n.mtime = info.ModTime()
	if !info.IsDir() {
		n.size = info.Size()
	}
}

// node returns the node of that name, made with its parents if there is none.
func (i *Image) node(name string, mode uint32) *imageNode {
	if n := i.files[name]; n != nil {
		return n
	}
	n := &imageNode{name: name, ino: uint64(len(i.files) + 1), mode: mode}
	i.files[name] = n
	if name != "." {
		dir, base := split(name)
		parent := i.node(dir, S_IFDIR|0o555)
		parent.children = append(parent.children,
			DirEntry{Name: base, Ino: n.ino, Type: uint8((mode & S_IFMT) >> 12)})
	}
	return n
}

// lookup finds a file. A name behind a regular file is ENOTDIR, as on Linux.
func (i *Image) lookup(name string) (*imageNode, error) {
	rel, err := relative(name)
	if err == nil {
		err = i.list()
	}
	if err != nil {
		return nil, err
	}
	if n := i.files[rel]; n != nil {
		return n, nil
	}
	for dir, _ := split(rel); dir != "."; dir, _ = split(dir) {
		if n := i.files[dir]; n != nil && n.mode&S_IFMT != S_IFDIR {
			return nil, syscall.ENOTDIR
		}
	}
	return nil, syscall.ENOENT
}

func (i *Image) stat(n *imageNode) Stat {
	return Stat{
		Dev: i.dev, Ino: n.ino, Mode: n.mode, Nlink: 1, Size: n.size, Blocks: (n.size + 511) / 512,
		Blksize: 4096, Atime: n.mtime, Mtime: n.mtime, Ctime: n.mtime,
	}
}

// Stat implements FS.
func (i *Image) Stat(name string, _ bool) (Stat, error) {
	n, err := i.lookup(name)
	if err != nil {
		return Stat{}, pathError("stat", name, err)
	}
	return i.stat(n), nil
}

// Readlink implements FS: there are no links.
func (i *Image) Readlink(name string) (string, error) {
	_, err := i.lookup(name)
	if err == nil {
		err = syscall.EINVAL
	}
	return "", pathError("readlink", name, err)
}

// Open implements FS.
func (i *Image) Open(name string, flag int, _ uint32) (File, error) {
	f, err := i.open(name, flag)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return f, nil
}

func (i *Image) open(name string, flag int) (File, error) {
	if err := checkFlags(flag); err != nil {
		return nil, err
	}
	n, err := i.lookup(name)
	switch {
	case err == syscall.ENOENT && flag&O_CREAT != 0:
		return nil, syscall.EROFS
	case err != nil:
		return nil, err
	case flag&(O_CREAT|O_EXCL) == O_CREAT|O_EXCL:
		return nil, syscall.EEXIST
	}
	st := i.stat(n)
	if st.IsDir() {
		if writes(flag) || flag&O_CREAT != 0 {
			return nil, syscall.EISDIR
		}
		return newListing(st, n.children), nil
	}
	switch {
	case writes(flag):
		return nil, syscall.EROFS
	case flag&O_DIRECTORY != 0:
		return nil, syscall.ENOTDIR
	}
	data, err := i.content(n)
	if err != nil {
		return nil, err
	}
	return &imageFile{stat: st, data: data}, nil
}

// content reads a file, or returns what an earlier open has kept.
func (i *Image) content(n *imageNode) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.data != nil {
		return n.mu.data, nil
	}
	f, err := i.source.Open(n.name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, n.size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, err
	}
	// One more read: a zip archive tells a wrong checksum at the end of the file.
	if extra, err := f.Read(make([]byte, 1)); extra != 0 || err != io.EOF {
		return nil, syscall.EIO
	}
	if i.cached.Add(n.size) <= ImageCache {
		n.mu.data = data
	} else {
		i.cached.Add(-n.size)
	}
	return data, nil
}

// An imageFile is an open file of an Image. Its content is shared and never
// written to.
type imageFile struct {
	stat Stat
	data []byte
	mu   struct {
		sync.Mutex
		off int64
	}
}

func (f *imageFile) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.Pread(p, f.mu.off)
	f.mu.off += int64(n)
	return n, err
}

func (f *imageFile) Pread(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	return copy(p, f.data[min(off, int64(len(f.data))):]), nil
}

func (f *imageFile) Seek(off int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case SEEK_SET:
	case SEEK_CUR:
		off += f.mu.off
	case SEEK_END:
		off += int64(len(f.data))
	default:
		return 0, syscall.EINVAL
	}
	if off < 0 {
		return 0, syscall.EINVAL
	}
	f.mu.off = off
	return off, nil
}

func (f *imageFile) Write([]byte) (int, error)         { return 0, syscall.EBADF }
func (f *imageFile) Pwrite([]byte, int64) (int, error) { return 0, syscall.EBADF }
func (f *imageFile) Truncate(int64) error              { return syscall.EINVAL }
func (f *imageFile) Allocate(int64, int64) error       { return syscall.EBADF }
func (f *imageFile) Sync(bool) error                   { return nil }
func (f *imageFile) Stat() (Stat, error)               { return f.stat, nil }
func (f *imageFile) Chmod(uint32) error                { return syscall.EROFS }
func (f *imageFile) ReadDir() ([]DirEntry, error)      { return nil, syscall.ENOTDIR }
func (f *imageFile) Fd() int                           { return -1 }
func (f *imageFile) Close() error                      { return nil }
