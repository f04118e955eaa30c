package vfstest_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"nself.org/embeddedpg/internal/vfs"
	"nself.org/embeddedpg/internal/vfs/vfstest"
)

// recorder records a tree in memory that holds these files.
func recorder(t testing.TB, files map[string]string) *vfstest.Recorder {
	t.Helper()
	m := vfs.NewMem(vfs.MemOptions{})
	for name, text := range files {
		must(t, m.WriteFile(name, []byte(text), 0o600))
	}
	r, err := vfstest.NewRecorder(m)
	must(t, err)
	return r
}

func write(t testing.TB, f vfs.File, off int64, text string) {
	t.Helper()
	if n, err := f.Pwrite([]byte(text), off); err != nil || n != len(text) {
		t.Fatal(n, err)
	}
}

// cut returns what is left at the present moment, as "dir/ name=content".
func cut(r *vfstest.Recorder, p vfstest.Policy, seed uint64) string {
	d := vfstest.NewDisk(r.Journal())
	d.Advance(r.Position())
	return text(d.Cut(p, rand.New(rand.NewPCG(seed, 0))))
}

func text(img *vfstest.Image) string {
	var s []string
	for _, d := range img.Dirs {
		s = append(s, d+"/")
	}
	for _, f := range img.Files {
		s = append(s, f.Path+"="+strings.ReplaceAll(string(f.Data), "\x00", "."))
	}
	return strings.Join(s, " ")
}

var (
	flushed = vfstest.Policy{Names: vfstest.NamesSynced, Data: vfstest.DataSynced}
	all     = vfstest.Policy{Names: vfstest.NamesAll, Data: vfstest.DataAll}
)

func want(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// TestFlushed: nothing is left but what was flushed.
func TestFlushed(t *testing.T) {
	r := recorder(t, map[string]string{"/a": "old", "/d/b": "b"})
	a := open(t, r, "/a", vfs.O_RDWR)
	write(t, a, 0, "new and longer")
	want(t, "a write", cut(r, flushed, 0), "d/ a=old d/b=b")
	must(t, a.Sync(true))
	want(t, "a flushed write", cut(r, flushed, 0), "d/ a=new and longer d/b=b")
	must(t, a.Truncate(3))
	want(t, "a truncation", cut(r, flushed, 0), "d/ a=new and longer d/b=b")
	must(t, a.Sync(false))
	want(t, "a flushed truncation", cut(r, flushed, 0), "d/ a=new d/b=b")

	must(t, r.Mkdir("/e", 0o700))
	c := open(t, r, "/e/c", vfs.O_RDWR|vfs.O_CREAT)
	write(t, c, 2, "c")
	want(t, "a new file", cut(r, flushed, 0), "d/ a=new d/b=b")
	must(t, c.Sync(true))
	want(t, "fdatasync of a new file", cut(r, flushed, 0), "d/ a=new d/b=b")
	must(t, c.Sync(false))
	want(t, "fsync of a new file", cut(r, flushed, 0), "d/ e/ a=new d/b=b e/c=..c")

	must(t, r.Rename("/a", "/e/a"))
	must(t, r.Unlink("/d/b"))
	want(t, "a rename and an unlink", cut(r, flushed, 0), "d/ e/ a=new d/b=b e/c=..c")
	must(t, open(t, r, "/e", vfs.O_RDONLY|vfs.O_DIRECTORY).Sync(false))
	want(t, "fsync of the directory renamed to", cut(r, flushed, 0), "d/ e/ d/b=b e/a=new e/c=..c")
	must(t, open(t, r, "/d", vfs.O_RDONLY|vfs.O_DIRECTORY).Sync(false))
	want(t, "fsync of the directory unlinked from", cut(r, flushed, 0), "d/ e/ e/a=new e/c=..c")
	must(t, r.Rmdir("/d"))
	want(t, "rmdir", cut(r, flushed, 0), "d/ e/ e/a=new e/c=..c")
	want(t, "all", cut(r, all, 0), "e/ e/a=new e/c=..c")
}

// TestFailedFlush: what a flush failed to write is lost, whatever is flushed later.
func TestFailedFlush(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{})
	must(t, m.WriteFile("/a", []byte("old"), 0o600))
	fail := true
	r, err := vfstest.NewRecorder(&vfstest.Faulty{FS: m, Fail: func(op, _ string) error {
		if fail && op == "sync" {
			return syscall.EIO
		}
		return nil
	}})
	must(t, err)
	a := open(t, r, "/a", vfs.O_RDWR)
	write(t, a, 0, "new")
	if a.Sync(false) == nil {
		t.Fatal("the flush succeeded")
	}
	fail = false
	write(t, a, 3, "er")
	must(t, a.Sync(false))
	want(t, "after the next flush", cut(r, flushed, 0), "a=older")
	d := vfstest.NewDisk(r.Journal())
	d.Patient = true
	d.Advance(r.Position())
	want(t, "after the next flush of a patient disk", text(d.Cut(flushed, rand.New(rand.NewPCG(0, 0)))), "a=newer")
}

// TestOpenFlags: O_TRUNC is a change, and a write through O_DSYNC its own flush.
func TestOpenFlags(t *testing.T) {
	r := recorder(t, map[string]string{"/a": "old"})
	a := open(t, r, "/a", vfs.O_RDWR|vfs.O_TRUNC|vfs.O_DSYNC)
	want(t, "O_TRUNC", cut(r, flushed, 0), "a=old")
	want(t, "O_TRUNC, kept", cut(r, all, 0), "a=")
	if _, err := a.Write([]byte("n")); err != nil {
		t.Fatal(err)
	}
	want(t, "O_DSYNC", cut(r, flushed, 0), "a=n")
	b := open(t, r, "/a", vfs.O_WRONLY|vfs.O_APPEND)
	if _, err := b.Write([]byte("ext")); err != nil {
		t.Fatal(err)
	}
	want(t, "O_APPEND", cut(r, all, 0), "a=next")
	want(t, "Fd", fmt.Sprint(a.Fd()), "-1")
}

// TestReplaceIsAtomic: the old content or the new one, whatever survives, once the usual steps were taken.
func TestReplaceIsAtomic(t *testing.T) {
	r := recorder(t, map[string]string{"/f": "old"})
	f := open(t, r, "/f.tmp", vfs.O_WRONLY|vfs.O_CREAT)
	write(t, f, 0, "new")
	must(t, f.Sync(false))
	must(t, r.Rename("/f.tmp", "/f"))
	seen := map[string]bool{}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		for _, file := range strings.Fields(cut(r, vfstest.RandomPolicy(rng), seed)) {
			seen[file] = true
		}
	}
	for _, state := range []string{"f=old", "f=new", "f.tmp=new"} {
		if !seen[state] {
			t.Errorf("%s never survived", state)
		}
		delete(seen, state)
	}
	for state := range seen {
		t.Errorf("survived: %s", state)
	}
	must(t, open(t, r, "/", vfs.O_RDONLY|vfs.O_DIRECTORY).Sync(false))
	for seed := range uint64(50) {
		want(t, "flushed", cut(r, vfstest.RandomPolicy(rand.New(rand.NewPCG(seed, 2))), seed), "f=new")
	}
}

// TestJournalOrder: of a file system with a journal, names survive in order.
func TestJournalOrder(t *testing.T) {
	r := recorder(t, nil)
	for _, name := range []string{"/a", "/b", "/c"} {
		open(t, r, name, vfs.O_WRONLY|vfs.O_CREAT)
	}
	possible := func(names vfstest.Names) map[string]bool {
		seen := map[string]bool{}
		for seed := range uint64(300) {
			seen[cut(r, vfstest.Policy{Names: names}, seed)] = true
		}
		return seen
	}
	want(t, "by journal", fmt.Sprint(possible(vfstest.NamesJournal)), "map[:true a=:true a= b=:true a= b= c=:true]")
	if n := len(possible(vfstest.NamesScattered)); n != 8 {
		t.Errorf("%d subsets of 3 names survived scattered, want 8", n)
	}
	// A flush of the last commits the others' names, but only where there is a journal.
	must(t, open(t, r, "/c", vfs.O_WRONLY).Sync(false))
	want(t, "by journal, after fsync", fmt.Sprint(possible(vfstest.NamesJournal)), "map[a= b= c=:true]")
	want(t, "flushed, after fsync", cut(r, flushed, 0), "c=")
}

// TestTorn: pieces of unflushed writes survive, each whole sector or not, and nothing else.
func TestTorn(t *testing.T) {
	const sector = 512
	old, first, second := bytes.Repeat([]byte("o"), 4*sector), bytes.Repeat([]byte("1"), 4*sector), bytes.Repeat([]byte("2"), 4*sector)
	r := recorder(t, map[string]string{"/f": string(old)})
	f := open(t, r, "/f", vfs.O_RDWR)
	write(t, f, 0, string(first))
	write(t, f, 0, string(second))
	mixed := 0
	for seed := range uint64(200) {
		d := vfstest.NewDisk(r.Journal())
		d.Advance(r.Position())
		data := d.Cut(vfstest.Policy{Data: vfstest.DataSectors}, rand.New(rand.NewPCG(seed, 0))).Files[0].Data
		kinds := map[byte]bool{}
		for at := 0; at < len(data); at += sector {
			if b := data[at : at+sector]; !bytes.Equal(b, bytes.Repeat(b[:1], sector)) {
				t.Fatalf("a sector is torn: %q", b)
			}
			kinds[data[at]] = true
		}
		if len(data) != len(old) || kinds[0] {
			t.Fatalf("%d bytes of %v", len(data), kinds)
		}
		if len(kinds) > 1 {
			mixed++
		}
	}
	if mixed < 100 {
		t.Errorf("only %d of 200 were torn", mixed)
	}
}

// TestTruncated: after a truncation that survived, what was there before does not come back.
func TestTruncated(t *testing.T) {
	r := recorder(t, map[string]string{"/f": "0123456789"})
	f := open(t, r, "/f", vfs.O_RDWR)
	must(t, f.Truncate(2))
	must(t, f.Truncate(6))
	write(t, f, 5, "x")
	allowed := map[string]bool{"f=0123456789": true, "f=01": true, "f=01....": true, "f=01...x": true}
	for _, data := range []vfstest.Data{vfstest.DataOrdered, vfstest.DataPages, vfstest.DataSectors} {
		for seed := range uint64(200) {
			if got := cut(r, vfstest.Policy{Names: vfstest.NamesAll, Data: data}, seed); !allowed[got] {
				t.Fatalf("survived: %s", got)
			}
		}
	}
}

// operate makes n operations.
func operate(t *testing.T, r vfs.FS, rng *rand.Rand, n int) {
	name := func() string {
		if rng.IntN(2) == 0 {
			return fmt.Sprintf("/%d", rng.IntN(8))
		}
		return fmt.Sprintf("/%d/%d", rng.IntN(8), rng.IntN(4))
	}
	for range n {
		switch rng.IntN(12) {
		case 0:
			r.Mkdir(name(), 0o700)
		case 1:
			r.Rmdir(name())
		case 2:
			r.Unlink(name())
		case 3, 4:
			r.Rename(name(), name())
		case 5:
			r.Link(name(), name())
		case 6:
			r.Truncate(name(), int64(rng.IntN(9000)))
		default:
			f, err := r.Open(name(), vfs.O_RDWR|vfs.O_CREAT, 0o600)
			if err != nil {
				continue
			}
			b := bytes.Repeat([]byte{byte('a' + rng.IntN(26))}, rng.IntN(3000))
			f.Pwrite(b, int64(rng.IntN(9000)))
			if rng.IntN(3) == 0 {
				f.Allocate(int64(rng.IntN(9000)), 1+int64(rng.IntN(3000)))
			}
			if rng.IntN(4) == 0 {
				must(t, f.Sync(rng.IntN(2) == 0))
			}
			f.Close()
		}
	}
}

// TestRandomOperations makes many operations and compares the image of which nothing is lost with the live tree,
// and that every policy gives a tree in which flushed files are whole.
func TestRandomOperations(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{})
	r, err := vfstest.NewRecorder(m)
	must(t, err)
	rng := rand.New(rand.NewPCG(7, 7))
	operate(t, r, rng, 1500)
	live := map[string]string{}
	walk(t, m, "/", live)
	var saved bytes.Buffer
	must(t, r.Journal().Save(&saved))
	j, err := vfstest.Load(&saved)
	must(t, err)
	d := vfstest.NewDisk(j)
	d.Advance(len(j.Ops))
	dir := filepath.Join(t.TempDir(), "image")
	must(t, d.Cut(all, rng).WriteTo(dir))
	written := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if written["/"+rel] = "/"; !e.IsDir() {
			b, err := os.ReadFile(path)
			written["/"+rel] = string(b)
			return err
		}
		return nil
	}))
	if len(live) == 0 || len(live) != len(written) {
		t.Fatalf("%d names live, %d written", len(live), len(written))
	}
	for name, content := range live {
		if got, ok := written[name]; !ok || got != content {
			t.Errorf("%s: written %t, %d bytes, want %d", name, ok, len(got), len(content))
		}
	}
	d = vfstest.NewDisk(j)
	for at := range j.Ops {
		d.Advance(at)
		p := vfstest.RandomPolicy(rng)
		seed := rng.Uint64()
		one := text(d.Cut(p, rand.New(rand.NewPCG(seed, 0))))
		if two := text(d.Cut(p, rand.New(rand.NewPCG(seed, 0)))); one != two {
			t.Fatalf("position %d: one seed, two images", at)
		}
	}
}

func walk(t *testing.T, fs vfs.FS, name string, into map[string]string) {
	f, err := fs.Open(name, vfs.O_RDONLY, 0)
	must(t, err)
	list, err := f.ReadDir()
	must(t, err)
	must(t, f.Close())
	for _, e := range list {
		at := filepath.Join(name, e.Name)
		if e.Type == vfs.DT_DIR {
			into[at] = "/"
			walk(t, fs, at, into)
			continue
		}
		f, err := fs.Open(at, vfs.O_RDONLY, 0)
		must(t, err)
		st, err := f.Stat()
		must(t, err)
		b := make([]byte, st.Size)
		if st.Size > 0 {
			if n, err := f.Pread(b, 0); err != nil || n != len(b) {
				t.Fatal(n, err)
			}
		}
		must(t, f.Close())
		into[at] = string(b)
	}
}
