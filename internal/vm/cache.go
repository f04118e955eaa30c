//go:build unix

package vm

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/hostdir"
)

// cacheFormat is part of every key: change it when the engine's configuration or the file format changes.
const cacheFormat = "3"

// cacheKey names a compiled module: the same key means the same machine code will do.
func cacheKey(moduleHash, engine string) [32]byte {
	return sha256.Sum256([]byte(cacheFormat + "\n" + moduleHash + "\n" + engine + "\n" + cpuFeatures() + "\n"))
}

// cache is one open cache directory and one entry in it. All access goes through the open directory, so that what was
// checked is what is used.
type cache struct {
	dir    *os.Root
	module string
	file   string // name in dir
	path   string // the same for the host's eyes
	key    [32]byte

	settled time.Duration
}

// openCache opens the directory, which it makes if need be, for the entry of a module. It refuses one that others can
// write to: its files are machine code that will run in this process.
func openCache(dir, module, suffix string, key [32]byte) (*cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	st, err := root.Stat(".")
	if err == nil {
		err = hostdir.Trusted(st)
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("cache directory %s: %w", dir, err)
	}
	name := module + "-" + hex.EncodeToString(key[:8]) + suffix
	return &cache{dir: root, module: module, file: name, path: filepath.Join(dir, name), key: key, settled: settled}, nil
}

func (c *cache) close() { c.dir.Close() }

// What the names of entries end with, by what is in them.
const (
	compiledSuffix = ".cwasm"
	nativeSuffix   = ".native"
)

// open returns the entry, verified. The error is os.ErrNotExist if there is no entry, hostdir.ErrUntrusted if it is not ours,
// else what is wrong with it.
func (c *cache) open() (*os.File, error) {
	f, err := c.dir.OpenFile(c.file, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%w: not a regular file", hostdir.ErrUntrusted)
	}
	if err == nil {
		err = hostdir.Trusted(st)
	}
	if err == nil {
		err = c.check(f, st.Size())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	hostdir.Used(c.dir, c.file, st)
	return f, nil
}

// store writes the entry anew, under a temporary name until all of it is on the disk.
func (c *cache) store(artefact []byte) error {
	p, err := c.begin(int64(len(artefact)))
	if err == nil {
		err = p.finish(artefact, true)
	}
	return err
}

// pending is an entry that is being made.
type pending struct {
	cache *cache
	file  *os.File
	name  string
}

// begin makes the file of an entry with so many bytes, and takes the room for it where the file system can do so in advance.
func (c *cache) begin(size int64) (*pending, error) {
	p := &pending{cache: c, name: c.file + "." + rand.Text()[:8] + ".tmp"}
	var err error
	if p.file, err = c.dir.OpenFile(p.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, err
	}
	if err := reserve(p.file, size+trailerSize); err != nil {
		return nil, p.giveUp(err)
	}
	return p, nil
}

// finish writes the entry and gives it its name; durable: once it is on the disk. One that a power cut tears is found by its
// checksum.
func (p *pending) finish(artefact []byte, durable bool) error {
	c := p.cache
	_, err := p.file.Write(artefact)
	if err == nil {
		_, err = p.file.Write(trailer(c.key, artefact))
	}
	if err == nil && durable {
		err = p.file.Sync()
	}
	if err != nil {
		return p.giveUp(err)
	}
	if err = p.file.Close(); err == nil {
		err = c.dir.Rename(p.name, c.file)
	}
	if err != nil {
		return p.giveUp(err)
	}
	hostdir.Prune(c.dir, c.limit)
	return nil
}

func (p *pending) giveUp(err error) error {
	p.file.Close()
	p.cache.dir.Remove(p.name)
	return fmt.Errorf("store %s: %w", p.cache.path, err)
}

var (
	entryName     = regexp.MustCompile(`^(.+)-[0-9a-f]{16}\.(?:cwasm|native)(?:\.checked)?$`)
	temporaryName = regexp.MustCompile(`^.+-[0-9a-f]{16}\.(?:cwasm|native)(?:\.checked)?\.[A-Z2-7]{8}\.tmp$`)
)

// limit is how long a file in the directory stays: other entries of this module until nobody has used them for long, which
// are those of other versions, and what somebody began to write.
func (c *cache) limit(name string) time.Duration {
	entry := entryName.FindStringSubmatch(name)
	switch {
	case temporaryName.MatchString(name):
		return hostdir.Abandoned
	case entry != nil && entry[1] == c.module && name != c.file && name != c.file+checkedSuffix:
		return hostdir.Unused
	}
	return 0
}

// How long to wait for another process that compiles or unpacks before doing so as well.
const (
	compilePatience = 30 * time.Second
	unpackPatience  = time.Second
)

// lock takes the directory's lock, which spares concurrent starters the same work; it protects nothing. waiting is
// called now and then. Where the lock cannot be had, the work is done twice.
func (c *cache) lock(patience time.Duration, waiting func()) (unlock func()) {
	d, err := c.dir.Open(".")
	if err != nil {
		return func() {}
	}
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err := hostdir.TryLock(d)
		if err == nil || !errors.Is(err, hostdir.ErrLocked) || time.Since(begin) > patience {
			return func() { d.Close() }
		}
		waiting()
	}
}
