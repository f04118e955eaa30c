//go:build cgo

package vm

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/hostdir"
)

// inMemory is the path of an image that is in no file.
const inMemory = "memory"

// nativeKey names an image in the cache.
func nativeKey(code Code) [32]byte {
	return sha256.Sum256([]byte("native 1\n" + code.Hash + "\n" + code.Native.ID + "\n"))
}

// unpacker makes modules of native code; linkable: for side modules to be put into.
type unpacker struct {
	*Engine
	code     Code
	linkable bool
}

// load returns the module from the cache. If it is not there, it is unpacked into memory, and put into the cache while it
// runs already.
func (e unpacker) load(name, cacheDir string) (*Module, error) {
	if cacheDir == "" {
		return e.intoMemory(nil)
	}
	c, err := openCache(cacheDir, name, nativeSuffix, nativeKey(e.code))
	if err != nil {
		return e.intoMemory(notKept(err))
	}
	m, err := e.fromEntry(c)
	if err == nil {
		c.close()
		return m, nil
	}
	if errors.Is(err, hostdir.ErrUntrusted) {
		c.close()
		return e.intoMemory(notKept(err))
	}
	unlock := c.lock(unpackPatience, func() {})
	release := func() { unlock(); c.close() }
	if m, err := e.fromEntry(c); err == nil { // made while we waited
		release()
		return m, nil
	}
	image, err := e.code.Native.unpack()
	if err != nil {
		release()
		return nil, err
	}
	release = func() { image.free(); unlock(); c.close() }
	if m, err = e.fromMemory(image, nil); err != nil {
		release()
		return nil, err
	}
	entry, err := c.begin(int64(len(image.bytes)))
	if err != nil {
		m.warning = notKept(err)
		release()
		return m, nil
	}
	e.users.Add(1) // Close waits
	go func() {
		defer e.users.Done()
		defer release()
		if err := entry.finish(image.bytes, false); err != nil {
			e.cfg.Log.Warn("cache of machine code", "program", name, "error", notKept(err))
		}
	}()
	return m, nil
}

// fromEntry maps the cache's entry, if it is intact.
func (e unpacker) fromEntry(c *cache) (*Module, error) {
	f, err := c.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	m, err := e.mapImage(e.code.Hash, source{file: f, size: st.Size() - trailerSize, linkable: e.linkable})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	m.nativePath = c.path
	if m.copied() {
		m.warning = fmt.Errorf("native code is copied into memory, as it cannot be mapped from %s", c.path)
	}
	return m, nil
}

func (e unpacker) intoMemory(warning error) (*Module, error) {
	image, err := e.code.Native.unpack()
	if err != nil {
		return nil, err
	}
	defer image.free()
	return e.fromMemory(image, warning)
}

// fromMemory makes a module of an image in memory. warning says why it is not kept.
func (e unpacker) fromMemory(image *unpacked, warning error) (*Module, error) {
	from := source{file: image.file, size: int64(len(image.bytes)), linkable: e.linkable}
	if image.file == nil {
		from.bytes = image.bytes
	}
	m, err := e.mapImage(e.code.Hash, from)
	if err != nil {
		return nil, err
	}
	m.warning = warning
	return m, nil
}

// unpacked is an image in memory outside Go's heap, and in a file in memory, where the system has those: that is mapped by
// modules and instances.
type unpacked struct {
	bytes []byte
	file  *os.File // nil: none
}

func (n *NativeCode) unpack() (*unpacked, error) {
	if n.Size <= 0 || n.Size != int64(int(n.Size)) {
		return nil, fmt.Errorf("native code of %d bytes", n.Size)
	}
	u := new(unpacked)
	fd, flags := -1, unix.MAP_PRIVATE|unix.MAP_ANON
	var err error
	if u.file, err = memoryFile(n.Size); err == nil {
		fd, flags = int(u.file.Fd()), unix.MAP_SHARED
	}
	if u.bytes, err = unix.Mmap(fd, 0, int(n.Size), unix.PROT_READ|unix.PROT_WRITE, flags); err != nil {
		u.free()
		return nil, os.NewSyscallError("mmap", err)
	}
	err = n.Unpack(u.bytes)
	if err == nil {
		err = unix.Mprotect(u.bytes, unix.PROT_READ)
	}
	if err != nil {
		u.free()
		return nil, fmt.Errorf("unpack native code: %w", err)
	}
	return u, nil
}

func (u *unpacked) free() {
	if u.bytes != nil {
		_ = unix.Munmap(u.bytes)
	}
	if u.file != nil {
		u.file.Close()
	}
}
