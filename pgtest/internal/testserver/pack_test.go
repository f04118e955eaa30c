package testserver

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestPack packs a tree and writes it anew: the same names and contents, zeros at the end included.
func TestPack(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "to")
	files := map[string][]byte{
		"base/1/a": bytes.Repeat([]byte("a"), 20_000), "base/1/empty": nil, "base/2/b": []byte("b"),
		"pg_wal/zeros": make([]byte, 1<<20), "pg_wal/some": append(append(make([]byte, 10_000), 1), make([]byte, 50_000)...),
	}
	for name, data := range files {
		if err := os.MkdirAll(filepath.Join(from, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(from, "empty", "too"), 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "pack")
	if err := writePack(name, from, "secret"); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(name); err != nil || st.Size() > 60_000 || st.Mode().Perm() != 0o600 {
		t.Error(st, err)
	}
	p, err := openPack(name)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	rest, err := p.write(to, "base/1")
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(to, "base/1")); err != nil || len(left) != 0 {
		t.Error("written before its turn:", left, err)
	}
	if err := rest(); err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(to, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(want), err)
		}
	}
	if st, err := os.Stat(filepath.Join(to, "empty", "too")); err != nil || st.Mode().Perm() != 0o700 {
		t.Error(st, err)
	}
	if im := p.below("base/1"); p.password != "secret" || len(im.files) != 2 || im.files[0].name != "a" || im.size != 20_000 {
		t.Error(p.password, im.files)
	}
}

// FuzzOpenPack opens damaged packs: an error, or a pack that can be used.
func FuzzOpenPack(f *testing.F) {
	from, name := f.TempDir(), filepath.Join(f.TempDir(), "pack")
	if err := os.WriteFile(filepath.Join(from, "a"), []byte("contents"), 0o600); err != nil {
		f.Fatal(err)
	}
	if err := writePack(name, from, "secret"); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{good, good[:len(good)-1], good[:20], good[:4], nil, bytes.Replace(good, []byte(`"a"`), []byte(`"/"`), 1), bytes.Replace(good, []byte(`8`), []byte(`9`), 1)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		name := filepath.Join(t.TempDir(), "pack")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := openPack(name)
		if errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err == nil {
			p.below("base/1")
			p.close()
		}
	})
}
