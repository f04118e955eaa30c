package vfs

import (
	"io/fs"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
)

// relative turns a guest's name into one relative to the root of a file system:
// "/base/1" into "base/1", "/" into ".". The result is clean and never climbs.
func relative(name string) (string, error) {
	switch {
	case name == "":
		return "", syscall.ENOENT
	case len(name) > PATH_MAX:
		return "", syscall.ENAMETOOLONG
	case strings.IndexByte(name, 0) >= 0:
		return "", syscall.EINVAL
	}
	if name[0] == '/' && isClean(name[1:]) {
		return name[1:], nil
	}
	if name = path.Clean("/" + name); name != "/" {
		return name[1:], nil
	}
	return ".", nil
}

// absolute is relative with the slash kept: the form that file systems pass on
// to those they wrap.
func absolute(name string) (string, error) {
	if name == "/" {
		return name, nil
	}
	rel, err := relative(name)
	if err != nil || rel == "." {
		return "/", err
	}
	if name[0] == '/' && name[1:] == rel {
		return name, nil
	}
	return "/" + rel, nil
}

// isClean reports whether rel is made of non-empty elements other than "." and
// "..", which lets nearly every name pass without an allocation.
func isClean(rel string) bool {
	start := 0
	for i := 0; i <= len(rel); i++ {
		if i < len(rel) && rel[i] != '/' {
			continue
		}
		switch rel[start:i] {
		case "", ".", "..":
			return false
		}
		start = i + 1
	}
	return true
}

// split cuts a clean relative name into its directory ("." for none) and its
// last element.
func split(rel string) (dir, base string) {
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		return rel[:i], rel[i+1:]
	}
	return ".", rel
}

// checkTarget refuses what must not become the target of a symbolic link at rel:
// an absolute name, or one that climbs above the root. It looks at the text only.
// What a link leads to is decided again whenever one is followed.
func checkTarget(target, rel string) error {
	switch {
	case target == "":
		return syscall.ENOENT
	case len(target) > PATH_MAX:
		return syscall.ENAMETOOLONG
	case strings.IndexByte(target, 0) >= 0:
		return syscall.EINVAL
	case target[0] == '/':
		return syscall.EPERM
	}
	dir, _ := split(rel)
	if to := path.Join(dir, target); to == ".." || strings.HasPrefix(to, "../") {
		return syscall.EPERM
	}
	return nil
}

// pathError names the operation and the file that err befell.
func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// linkError is pathError for the operations with two names, told by the second.
func linkError(op, old, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op + " " + old, Path: name, Err: err}
}

// Device numbers of the file systems that have no host device, so that a guest
// can tell the files of two of them apart. They only need to differ.
var devices atomic.Uint64

func newDevice() uint64 { return 0x7f000000 + devices.Add(1) }
