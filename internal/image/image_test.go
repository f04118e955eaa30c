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
	for _, f := range []struct {
		name, want string
		data       []byte
	}{
		{"postgres.wasm", image.PostgresSHA256, image.Postgres()},
		{"initdb.wasm", image.InitdbSHA256, image.Initdb()},
		{"pgtools.wasm", image.ToolsSHA256, image.Tools()},
	} {
		sum := sha256.Sum256(f.data)
		if got := hex.EncodeToString(sum[:]); got != f.want {
			t.Errorf("%s has sha256 %s, image_gen.go says %s", f.name, got, f.want)
		}
		if !strings.HasPrefix(string(f.data), "\x00asm\x01\x00\x00\x00") {
			t.Errorf("%s is not a wasm module", f.name)
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
