package image_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/image"
)

func TestHashes(t *testing.T) {
	for name, m := range map[string]image.Module{"postgres": image.Postgres, "initdb": image.Initdb, "pgtools": image.Tools} {
		wasm, err := m.Wasm()
		if err != nil {
			t.Fatal(name, err)
		}
		sum := sha256.Sum256(wasm)
		if got := hex.EncodeToString(sum[:]); got != m.Hash {
			t.Errorf("%s has sha256 %s, image_gen.go says %s", name, got, m.Hash)
		}
		if !strings.HasPrefix(string(wasm), "\x00asm\x01\x00\x00\x00") {
			t.Errorf("%s is not a wasm module", name)
		}
		native, err := m.Native()
		if err != nil {
			t.Error(name, err)
		}
		if native == nil {
			continue
		}
		code := make([]byte, native.Size())
		if err := native.Decode(code); err != nil {
			t.Error(name, err)
		}
		if !strings.HasPrefix(string(code), "\x7fELF") || !strings.Contains(string(code), string(sum[:])) {
			t.Errorf("the native code of %s is not an image that names this module", name)
		}
	}
}

func TestFiles(t *testing.T) {
	files, err := image.FS()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		"pgsql/bin/postgres", "pgsql/share/postgres.bki", "pgsql/share/postgresql.conf.sample",
		"pgsql/share/timezone/Europe/Berlin", "pgsql/share/tsearch_data/english.stop",
		"pgsql/share/extension/plpgsql.control",
	}
	for _, m := range image.Modules {
		names = append(names, "pgsql/lib/"+m+".so")
	}
	for _, p := range image.Programs {
		names = append(names, "pgsql/bin/"+p)
	}
	for _, name := range names {
		info, err := fs.Stat(files, name)
		if err != nil {
			t.Error(err)
			continue
		}
		if exec := info.Mode()&0o111 != 0; exec != strings.HasPrefix(name, "pgsql/bin/") {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}
