package cluster

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/image"
)

func openSeed(t testing.TB) *Seed {
	t.Helper()
	s, err := OpenSeed(image.Cluster())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Seed) file(t testing.TB, name string) File {
	t.Helper()
	for _, f := range s.files.List {
		if f.Name == name {
			return f
		}
	}
	t.Fatal("no file", name)
	return File{}
}

// TestSeedEncoding encodes a written seed: equal bytes, whatever identity it was written with.
func TestSeedEncoding(t *testing.T) {
	s := openSeed(t)
	if err := s.Identify(NewIdentity("secret")); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	rest, err := s.Write(dir, "base/1")
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "base/1")); err != nil || len(left) != 0 {
		t.Error("written before its turn:", left, err)
	}
	if err := rest(); err != nil {
		t.Fatal(err)
	}
	if err := s.allocate(dir); err != nil {
		t.Fatal(err)
	}
	for _, f := range s.files.List {
		st, err := os.Stat(filepath.Join(dir, f.Name))
		if err != nil || st.Size() != f.Size || st.Mode().Perm() != 0o600 {
			t.Error(f.Name, st, err)
		}
	}
	got, err := EncodeSeed(dir)
	if err != nil || !bytes.Equal(got, image.Cluster()) {
		t.Errorf("%d bytes, not those that it was made of: %v", len(got), err)
	}
}

// TestIdentity: every part of an identity is in the files, no two are equal, and every checksum is right.
func TestIdentity(t *testing.T) {
	one, other := openSeed(t), openSeed(t)
	a, b := NewIdentity("secret"), NewIdentity("secret")
	a.System, b.System = 1, 2
	for s, id := range map[*Seed]Identity{one: a, other: b} {
		if err := s.Identify(id); err != nil {
			t.Fatal(err)
		}
		c, err := ParseControl(s.file(t, "global/pg_control").Data) // with its sum
		if err != nil || c.SystemIdentifier != id.System {
			t.Error(c, err)
		}
		authid := s.file(t, "global/1260").Data
		if got := binary.LittleEndian.Uint16(authid[offPageChecksum:]); got != pageChecksum(authid, 0) {
			t.Errorf("pg_authid's checksum is %#x", got)
		}
	}
	for _, name := range []string{"global/pg_control", "global/1260", "pg_wal/000000010000000000000002"} {
		if bytes.Equal(one.file(t, name).Data, other.file(t, name).Data) {
			t.Error(name, "is the same for two")
		}
	}
	if a.Nonce == b.Nonce || a.Salt == b.Salt || bytes.Equal(a.Nonce[:], make([]byte, 32)) {
		t.Error("nonces or salts are not random")
	}
}

// TestPageChecksum computes the checksums of all pages that initdb wrote.
func TestPageChecksum(t *testing.T) {
	pages := 0
	for _, f := range openSeed(t).files.List {
		if !strings.HasPrefix(f.Name, "base/") || strings.HasSuffix(f.Name, "PG_VERSION") || strings.HasSuffix(f.Name, "pg_filenode.map") {
			continue
		}
		for block := 0; (block+1)*blckSz <= len(f.Data); block++ {
			page := f.Data[block*blckSz : (block+1)*blckSz]
			want := binary.LittleEndian.Uint16(page[offPageChecksum:])
			if bytes.Equal(page, make([]byte, blckSz)) {
				continue
			}
			if got := pageChecksum(page, uint32(block)); got != want {
				t.Fatalf("%s, block %d: %#x, want %#x", f.Name, block, got, want)
			}
			pages++
		}
	}
	if pages < 1000 {
		t.Error("only", pages, "pages")
	}
}

func TestCanSeed(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    CreateOptions
		want bool
	}{
		{"usual", CreateOptions{Superuser: "postgres", Password: "a B~"}, true},
		{"other superuser", CreateOptions{Superuser: "admin", Password: "a"}, false},
		{"password that SASLprep changes", CreateOptions{Superuser: "postgres", Password: "\u00aa"}, false},
		{"control character", CreateOptions{Superuser: "postgres", Password: "a\x7f"}, false},
	} {
		tt.o.Seed = image.Cluster()
		if got := tt.o.CanSeed(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if (CreateOptions{Superuser: "postgres"}).CanSeed() {
		t.Error("without a seed")
	}
}

// FuzzOpenSeed opens damaged seeds: an error, or a seed that can be used.
func FuzzOpenSeed(f *testing.F) {
	good := image.Cluster()
	for _, b := range [][]byte{good, good[:len(good)-1], good[:20], nil} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := OpenSeed(b)
		if err == nil {
			_ = s.Identify(Identity{})
		}
	})
}
