package kernel

// dlopen and its like: calls of our own by which libc puts side modules into the process.
// libraries.mu guards the cache of files; it is not held while a module is compiled, so two
// processes may ask for the same one, and the machine makes it once.

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// maxLibrary bounds the size of a file that dlopen reads; large ones have a tenth of it.
const maxLibrary = 256 << 20

// libraries are the files that processes of this kernel have loaded, so that not each of them reads and hashes them.
type libraries struct {
	mu    sync.Mutex
	known map[libraryFile]Side
}

// libraryFile is what changes when a file does.
type libraryFile struct {
	program      Module
	name         string
	dev, ino     uint64
	size         int64
	mtime, ctime time.Time
}

// library is a side module of a process. Its id is its place in Process.libs and 1 more.
type library struct {
	side   Side
	linked Linked // nil: not yet
}

// dlopen(file, need[2], message, len) finds a side module and says what memory it needs.
func (p *Process) dlopen(a *[6]int32) (int32, abi.Errno) {
	need, ok := p.mem.bytes(uint32(a[1]), 8)
	if !ok {
		return 0, abi.EFAULT
	}
	name, e := p.mem.str(uint32(a[0]), abi.PATH_MAX)
	if e != 0 {
		return 0, e
	}
	guest, e := p.resolve(abi.AT_FDCWD, name)
	if e != 0 {
		return 0, e
	}
	side, err := p.library(guest)
	if err != nil {
		return p.dlerror(err, a[2], a[3])
	}
	size, align := side.Data()
	putU32(need, 0, size)
	putU32(need, 4, align)
	at := slices.IndexFunc(p.libs, func(l library) bool { return l.side == side })
	if at < 0 {
		at = len(p.libs)
		p.libs = append(p.libs, library{side: side})
	}
	return int32(at) + 1, 0
}

// dllink(id, data, finish[2], message, len) puts it into the process.
func (p *Process) dllink(a *[6]int32) (int32, abi.Errno) {
	finish, ok := p.mem.bytes(uint32(a[2]), 8)
	if !ok {
		return 0, abi.EFAULT
	}
	if a[0] < 1 || int(a[0]) > len(p.libs) || p.libs[a[0]-1].linked != nil {
		return 0, abi.EINVAL
	}
	l := &p.libs[a[0]-1]
	size, align := l.side.Data()
	if _, ok := p.mem.bytes(uint32(a[1]), size); !ok || uint32(a[1])%align != 0 {
		return 0, abi.EFAULT
	}
	linked, err := l.side.Link(p, uint32(a[1]))
	if err != nil {
		return p.dlerror(err, a[3], a[4])
	}
	l.linked = linked
	for i, f := range linked.Finish() {
		putU32(finish, 4*i, f)
	}
	return 0, 0
}

// dlsym(id, name, address) looks a symbol up.
func (p *Process) dlsym(a *[6]int32) (int32, abi.Errno) {
	out, ok := p.mem.bytes(uint32(a[2]), 4)
	if !ok {
		return 0, abi.EFAULT
	}
	name, e := p.mem.str(uint32(a[1]), abi.PATH_MAX)
	if e != 0 {
		return 0, e
	}
	if a[0] < 1 || int(a[0]) > len(p.libs) || p.libs[a[0]-1].linked == nil {
		return 0, abi.EINVAL
	}
	address, ok := p.libs[a[0]-1].linked.Symbol(name)
	if !ok {
		return 0, abi.ENOENT
	}
	putU32(out, 0, address)
	return 0, 0
}

// dlerror writes the message to the guest's buffer.
func (p *Process) dlerror(err error, addr, n int32) (int32, abi.Errno) {
	if b, ok := p.mem.bytes(uint32(addr), uint32(n)); ok && n > 0 {
		copied := copy(b[:n-1], err.Error())
		b[copied] = 0
	}
	return 0, abi.ENOEXEC
}

var errNotLoadable = errors.New("modules are loaded only from the directories that the program was given for extensions")

// library returns the side module in a file of the guest.
func (p *Process) library(name string) (Side, error) {
	linker, ok := p.module.(Linker)
	if !ok || !slices.ContainsFunc(p.k.cfg.LibraryDirs, func(dir string) bool {
		return strings.HasPrefix(name, path.Clean(dir)+"/")
	}) {
		return nil, errNotLoadable
	}
	f, err := p.k.cfg.FS.Open(name, vfs.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.IsRegular() || st.Size > maxLibrary {
		return nil, fmt.Errorf("not a regular file of at most %d MiB", maxLibrary>>20)
	}
	key := libraryFile{p.module, name, st.Dev, st.Ino, st.Size, st.Mtime, st.Ctime}
	libs := &p.k.libs
	libs.mu.Lock()
	side := libs.known[key]
	libs.mu.Unlock()
	if side != nil {
		return side, nil
	}
	code := make([]byte, st.Size)
	for n := 0; n < len(code); {
		m, err := f.Pread(code[n:], int64(n))
		if err != nil {
			return nil, err
		}
		if m == 0 {
			code = code[:n]
		}
		n += m
	}
	if side, err = linker.Side(path.Base(name), code); err != nil {
		return nil, err
	}
	libs.mu.Lock()
	defer libs.mu.Unlock()
	if libs.known == nil {
		libs.known = map[libraryFile]Side{}
	}
	libs.known[key] = side
	return side, nil
}
