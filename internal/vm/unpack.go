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

// load returns the module from the cache, into which it is unpacked if need be, else from memory.
func (e unpacker) load(name, cacheDir string) (*Module, error) {
	if cacheDir == "" {
		return e.intoMemory(nil)
	}
	c, err := openCache(cacheDir, name, nativeSuffix, nativeKey(e.code))
	if err != nil {
		return e.intoMemory(notKept(err))
	}
	defer c.close()
	m, err := e.fromEntry(c)
	if err == nil {
		return m, nil
	}
	if errors.Is(err, hostdir.ErrUntrusted) {
		return e.intoMemory(notKept(err))
	}
	unlock := c.lock(unpackPatience, func() {})
	defer unlock()
	if m, err := e.fromEntry(c); err == nil { // made while we waited
		return m, nil
	}
	image, err := e.code.Native.bytes()
	if err != nil {
		return nil, err
	}
	defer image.free()
	if err := c.store(image, false); err != nil {
		return e.fromMemory(image, notKept(err))
	}
	m, err = e.fromEntry(c)
	if err != nil {
		return e.fromMemory(image, notKept(err))
	}
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
	image, err := e.code.Native.bytes()
	if err != nil {
		return nil, err
	}
	defer image.free()
	return e.fromMemory(image, warning)
}

// fromMemory makes a module of an image in memory. warning says why it is not kept. From a file in memory, where the system
// has those, instances map what they have in common.
func (e unpacker) fromMemory(image unpackedImage, warning error) (*Module, error) {
	from := source{bytes: image, linkable: e.linkable}
	f, err := memoryFile(image)
	if err == nil {
		defer f.Close()
		from.file, from.size = f, int64(len(image))
	}
	m, err := e.mapImage(e.code.Hash, from)
	if err != nil {
		return nil, err
	}
	m.warning = warning
	return m, nil
}

// unpackedImage is memory outside Go's heap.
type unpackedImage []byte

func (n *NativeCode) bytes() (unpackedImage, error) {
	if n.Size <= 0 || n.Size != int64(int(n.Size)) {
		return nil, fmt.Errorf("native code of %d bytes", n.Size)
	}
	b, err := unix.Mmap(-1, 0, int(n.Size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	if err := n.Unpack(b); err != nil {
		unpackedImage(b).free()
		return nil, fmt.Errorf("unpack native code: %w", err)
	}
	return b, nil
}

func (b unpackedImage) free() { _ = unix.Munmap(b) }
