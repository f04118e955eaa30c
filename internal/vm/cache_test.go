//go:build cgo

package vm_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/testenv"
	"nself.org/embeddedpg/internal/vm"
)

// cached is a module and a directory to keep it in.
type cached struct {
	engine *vm.Engine
	wasm   []byte
	dir    string
	suffix string // of its entries' names

	abandoned int // files in the directory that are being written by nobody
}

func newCached(t *testing.T) *cached {
	c := &cached{engine: newEngine(t), dir: filepath.Join(t.TempDir(), "cache", "modules"), suffix: ".cwasm"}
	if runsNative() {
		c.suffix = ".native"
	}
	c.wasm = assemble(t, "(module "+imports+`(memory (export "memory") 1) (data (i32.const 0) "some data")
	  (func (export "other")) (func (export "_start") (drop (call $sys (i32.const 42) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))))`)
	packedNative(t, c.wasm) // which is known then
	return c
}

// load loads the module, runs it, and returns whether it was compiled, or its native code unpacked, and the module's warning.
func (c *cached) load(t *testing.T) (compiled bool, warning error) {
	t.Helper()
	var phases []vm.Phase
	o := vm.LoadOptions{CacheDir: c.dir, Runner: runner()}
	o.Progress = func(p vm.Progress) {
		if p.Module != "prog" || p.Elapsed < 0 {
			t.Errorf("report %+v", p)
		}
		phases = append(phases, p.Phase)
	}
	code := packedNative(t, c.wasm)
	if n := code.Native; n != nil {
		unpack := n.Unpack
		n.Unpack = func(b []byte) error { compiled = true; return unpack(b) }
	}
	m, err := c.engine.Load("prog", code, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(phases) == 0 || phases[len(phases)-1] != vm.Loaded {
		t.Errorf("phases %v", phases)
	}
	h := newHost()
	got := int32(0)
	h.syscall = func(_ uint64, nr int32, _ *[6]int32) (int32, bool) { got = nr; return 0, true }
	start(t, m, h)
	if err := h.wait(t); err != nil || got != 42 {
		t.Fatalf("run: %v, %d", err, got)
	}
	c.settle(t)
	if runsNative() && len(phases) > 1 {
		t.Errorf("phases %v of native code", phases)
	}
	return compiled || phases[0] == vm.Compiling, m.Warning()
}

// settle waits until what is being stored behind a Load is there.
func (c *cached) settle(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		left, _ := filepath.Glob(filepath.Join(c.dir, "*.tmp"))
		if len(left) == c.abandoned {
			return
		}
		if time.Now().After(end) {
			t.Fatal("not stored: ", left)
		}
	}
}

// must fails the test unless load compiles, or does not, without a warning.
func (c *cached) must(t *testing.T, compile bool) {
	t.Helper()
	if compiled, warning := c.load(t); compiled != compile || warning != nil {
		t.Fatalf("compiled: %v, warning: %v", compiled, warning)
	}
}

// entry returns the path of the one file in the cache.
func (c *cached) entry(t *testing.T) string {
	t.Helper()
	files, err := os.ReadDir(c.dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("cache holds %v, %v", files, err)
	}
	return filepath.Join(c.dir, files[0].Name())
}

func TestCache(t *testing.T) {
	c := newCached(t)
	c.must(t, true)
	c.must(t, false)
	if st, err := os.Stat(c.dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v %v", st.Mode(), err)
	}
	if st, err := os.Stat(c.entry(t)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("file: %v %v", st.Mode(), err)
	}
	other := &cached{engine: c.engine, dir: c.dir, suffix: c.suffix}
	other.wasm = append(append(other.wasm, c.wasm...), 0, 2, 1, 'x') // a custom section: another hash
	other.must(t, true)
	other.must(t, false)
	c.must(t, false)
}

// TestCacheDamage changes the file in every way that a disk or a person may: it must be made anew, always.
func TestCacheDamage(t *testing.T) {
	c := newCached(t)
	c.must(t, true)
	good, err := os.ReadFile(c.entry(t))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) func() []byte {
		return func() []byte {
			b := append([]byte(nil), good...)
			b[(at+len(b))%len(b)] ^= 0x10
			return b
		}
	}
	cases := map[string]func() []byte{
		"empty":            func() []byte { return nil },
		"one byte":         func() []byte { return good[:1] },
		"half":             func() []byte { return good[:len(good)/2] },
		"one byte less":    func() []byte { return good[:len(good)-1] },
		"no trailer":       func() []byte { return good[:len(good)-56] },
		"one byte more":    func() []byte { return append(append([]byte(nil), good...), 0) },
		"zeros":            func() []byte { return make([]byte, len(good)) },
		"zeros in middle":  func() []byte { b := append([]byte(nil), good...); clear(b[64:4096]); return b },
		"trailer only":     func() []byte { return good[len(good)-56:] },
		"text":             func() []byte { return []byte(strings.Repeat("not machine code\n", 1000)) },
		"header":           flip(3),
		"body":             flip(len(good) / 2),
		"magic":            flip(-56),
		"key":              flip(-40),
		"length":           flip(-16),
		"checksum":         flip(-8),
		"trailer checksum": flip(-1),
	}
	for i := 0; i < 64; i++ {
		cases[fmt.Sprintf("byte %d of 64", i)] = flip(len(good) * i / 64)
	}
	for name, content := range cases {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(c.entry(t), content(), 0o600); err != nil {
				t.Fatal(err)
			}
			c.must(t, true)
			c.must(t, false)
		})
	}
	t.Run("directory in its place", func(t *testing.T) {
		p := c.entry(t)
		os.Remove(p)
		if err := os.Mkdir(p, 0o700); err != nil {
			t.Fatal(err)
		}
		if compiled, warning := c.load(t); !compiled || warning == nil {
			t.Errorf("compiled: %v, warning: %v", compiled, warning)
		}
	})
}

// TestCacheTrust: what others can write to is neither used nor touched.
func TestCacheTrust(t *testing.T) {
	refuse := func(t *testing.T, c *cached, why string) {
		t.Helper()
		compiled, warning := c.load(t)
		if !compiled || warning == nil || !strings.Contains(warning.Error(), why) {
			t.Fatalf("compiled: %v, warning: %v", compiled, warning)
		}
		t.Log(warning)
	}
	for _, mode := range []os.FileMode{0o777, 0o770, 0o720, 0o702, 0o777 | os.ModeSticky} {
		t.Run(fmt.Sprintf("directory %v", mode), func(t *testing.T) {
			c := newCached(t)
			c.must(t, true)
			if err := os.Chmod(c.dir, mode); err != nil {
				t.Fatal(err)
			}
			refuse(t, c, "others may write")
			os.Chmod(c.dir, 0o755)
			c.must(t, false)
		})
	}
	t.Run("file", func(t *testing.T) {
		c := newCached(t)
		c.must(t, true)
		os.Chmod(c.entry(t), 0o660)
		refuse(t, c, "others may write")
	})
	t.Run("symlink", func(t *testing.T) {
		c := newCached(t)
		c.must(t, true)
		p := c.entry(t)
		elsewhere := filepath.Join(t.TempDir(), "x")
		if err := os.Rename(p, elsewhere); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(elsewhere, p); err != nil {
			t.Fatal(err)
		}
		c.must(t, true) // replaced, not followed
		if st, err := os.Lstat(p); err != nil || !st.Mode().IsRegular() {
			t.Errorf("%v %v", st, err)
		}
	})
	t.Run("owner", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root can give a file away")
		}
		c := newCached(t)
		c.must(t, true)
		os.Chown(c.entry(t), 12345, -1)
		refuse(t, c, "belongs to user 12345")
		os.Chown(c.entry(t), 0, -1)
		c.must(t, false)
		os.Chown(c.dir, 12345, -1)
		refuse(t, c, "belongs to user 12345")
	})
	t.Run("no directory", func(t *testing.T) {
		c := newCached(t)
		if err := os.MkdirAll(filepath.Dir(c.dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(c.dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		refuse(t, c, "not a directory")
	})
}

// TestCacheNotKept: code that cannot be stored is used all the same, with a warning.
func TestCacheNotKept(t *testing.T) {
	// In a process of its own: threads that a thread without root's rights starts have none either, for good.
	t.Run("directory of mode 0500", func(t *testing.T) {
		root := os.Geteuid() == 0
		if root && !testenv.InChild(t) {
			return
		}
		c := newCached(t)
		if err := os.MkdirAll(c.dir, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { // so that it can be removed
			for _, dir := range []string{filepath.Dir(c.dir), c.dir} {
				if err := os.Chmod(dir, 0o700); err != nil {
					t.Error(err)
				}
			}
		})
		if root {
			chownAll(t, filepath.Dir(filepath.Dir(filepath.Dir(c.dir))), testenv.Nobody)
			testenv.Become(t, testenv.Nobody)
		}
		c.notKept(t, os.ErrPermission)
	})
	for name, options := range map[string]string{"full": "size=4k", "read-only": "ro"} {
		t.Run(name, func(t *testing.T) {
			c := newCached(t)
			c.dir = t.TempDir()
			testenv.Mount(t, c.dir, "-t", "tmpfs", "-o", "mode=0700,"+options, "tmpfs")
			c.notKept(t, map[string]error{"full": syscall.ENOSPC, "read-only": syscall.EROFS}[name])
		})
	}
}

// notKept loads the module and wants it compiled and the warning.
func (c *cached) notKept(t *testing.T, reason error) {
	t.Helper()
	compiled, warning := c.load(t)
	if !compiled || !errors.Is(warning, vm.ErrNotKept) || !errors.Is(warning, reason) {
		t.Errorf("compiled: %v, warning: %v", compiled, warning)
	}
}

func chownAll(t *testing.T, dir string, uid int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, uid, -1))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCacheNoexec: an entry that cannot be mapped is copied, and not compiled again.
func TestCacheNoexec(t *testing.T) {
	c := newCached(t)
	c.dir = t.TempDir()
	testenv.Mount(t, c.dir, "-t", "tmpfs", "-o", "mode=0700,noexec", "tmpfs")
	for _, compile := range []bool{true, false} {
		compiled, warning := c.load(t)
		copied := !compile || !runsNative() // what was just unpacked runs from memory
		if compiled != compile || (warning != nil) != copied || errors.Is(warning, vm.ErrNotKept) {
			t.Errorf("compiled: %v, warning: %v", compiled, warning)
		}
	}
}

func TestCacheConcurrent(t *testing.T) {
	c := newCached(t)
	stop := make(chan struct{})
	var damage, users sync.WaitGroup
	damage.Go(func() { // tears the entry up now and then
		for {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
			}
			files, _ := filepath.Glob(filepath.Join(c.dir, "*"+c.suffix))
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err == nil {
					os.WriteFile(f+".x", b[:len(b)/2], 0o600)
					os.Rename(f+".x", f)
				}
			}
		}
	})
	for range 8 {
		users.Go(func() {
			for range 20 {
				m, err := c.engine.Load("prog", packedNative(t, c.wasm), vm.LoadOptions{CacheDir: c.dir})
				if err != nil {
					t.Error(err)
					return
				}
				h := newHost()
				h.syscall = func(uint64, int32, *[6]int32) (int32, bool) { return 0, true }
				if err := errors.Join(m.Start(h, 0), h.wait(t)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	users.Wait()
	close(stop)
	damage.Wait()
	c.settle(t)
	if left, _ := filepath.Glob(filepath.Join(c.dir, "*.tmp")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestCachePrune: a new entry takes the place of old ones.
func TestCachePrune(t *testing.T) {
	c := newCached(t)
	c.must(t, true)
	old := func(path string, age time.Duration) {
		t.Helper()
		if err := os.Chtimes(path, time.Now(), time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	const day = 24 * time.Hour
	entry := c.entry(t)
	dir := filepath.Dir(entry)
	m, err := c.engine.Load("prog", packedNative(t, c.wasm), vm.LoadOptions{CacheDir: c.dir})
	if err != nil {
		t.Fatal(err)
	}
	old(entry, 40*day)
	c.must(t, false) // which uses it
	if st, err := os.Stat(entry); err != nil || time.Since(st.ModTime()) > time.Hour {
		t.Fatalf("an entry that is used is of %s: %v", st.ModTime(), err)
	}
	for name, age := range map[string]time.Duration{
		"prog-0123456789abcdef.cwasm":               40 * day,
		"prog-1123456789abcdef.cwasm":               20 * day,
		"prog-2123456789abcdef.native":              40 * day,
		"prog-3123456789abcdef.native":              20 * day,
		"other-0123456789abcdef.cwasm":              40 * day,
		"other-0123456789abcdef.cwasm.ABCDEFGH.tmp": 2 * day,
		"prog-0123456789abcdef.cwasm.ABCDEFG2.tmp":  day / 2,
		"cluster-0123456789abcdef.pack":             40 * day,
		"prog-0123456789abcdef.cwasm.mine":          40 * day,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		old(filepath.Join(dir, name), age)
	}
	old(entry, 40*day)
	c.abandoned = 1 // of two, one is old enough to go
	// Another version of the module.
	wasm := c.wasm
	c.wasm = assemble(t, "(module "+imports+`(memory (export "memory") 1) (data (i32.const 0) "other data")
	  (func (export "_start") (drop (call $sys (i32.const 42) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))))`)
	c.must(t, true)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, f := range files {
		left[filepath.Base(f)] = true
	}
	for _, gone := range []string{filepath.Base(entry), "prog-0123456789abcdef.cwasm", "prog-2123456789abcdef.native", "other-0123456789abcdef.cwasm.ABCDEFGH.tmp"} {
		if left[gone] {
			t.Errorf("%s is still there", gone)
		}
	}
	if len(left) != 7 { // the new one, and six
		t.Errorf("left: %v", left)
	}
	// The old version's code is mapped, and still runs.
	h := newHost()
	h.syscall = func(uint64, int32, *[6]int32) (int32, bool) { return 0, true }
	start(t, m, h)
	if err := h.wait(t); err != nil {
		t.Error(err)
	}
	c.wasm = wasm
	c.must(t, true)
}
