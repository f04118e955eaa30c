package programs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/programs"
)

// Pieces of modules in the binary format.
const (
	head     = "\x00asm\x01\x00\x00\x00"
	typeI    = "\x01\x0a\x02\x60\x00\x00\x60\x02\x7f\x7f\x01\x7f" // [] -> [], [i32 i32] -> [i32]
	noImport = "\x02\x01\x00"
)

func section(id byte, body string) string { return string(id) + string(byte(len(body))) + body }

func name(s string) string { return string(byte(len(s))) + s }

func importing(module, field, what string) string {
	return head + typeI + section(2, "\x01"+name(module)+name(field)+what)
}

func TestReadServerModule(t *testing.T) {
	dir := t.TempDir()
	embedded, err := image.Postgres.Wasm()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, code, want string }{
		{"embedded", string(embedded), ""},
		{"empty", "", "not a WebAssembly module"},
		{"text", "#!/bin/sh\n", "not a WebAssembly module"},
		{"cut", string(embedded[:5000]), "damaged"},
		{"component", "\x00asm\x0d\x00\x01\x00", "not a WebAssembly module"},
		{"pglite", importing("env", "invoke_iii", "\x00\x01"), "made with Emscripten, as PGlite's modules are"},
		{"pglite side module", head + section(0, name("dylink.0")) + typeI, "made with Emscripten"},
		{"got", importing("GOT.mem", "stdout", "\x03\x7f\x01"), "made with Emscripten"},
		{"wasi", importing("wasi_snapshot_preview1", "fd_read", "\x00\x01"), "imports wasi_snapshot_preview1.fd_read, which the kernel does not have"},
		{"other type", importing("env", "syscall", "\x00\x00"), "imports env.syscall as function 600000"},
		{"memory from outside", importing("env", "memory", "\x02\x00\x01"), "imports env.memory"},
		{"no exports", head + typeI + noImport, "does not export memory"},
		{"no start", head + typeI + section(7, "\x01"+name("memory")+"\x02\x00"), "does not export _start"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, "module.wasm")
			if err := os.WriteFile(path, []byte(tt.code), 0o600); err != nil {
				t.Fatal(err)
			}
			m, err := programs.ReadServerModule(path)
			if tt.want == "" {
				if err != nil || m == nil {
					t.Error(err)
				}
				return
			}
			var e *fault.Error
			if !errors.As(err, &e) || !strings.Contains(e.Err.Error(), tt.want) || e.Path != path || !strings.Contains(e.Hint, "Config.ServerModule") {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	if _, err := programs.ReadServerModule(filepath.Join(dir, "missing.wasm")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// FuzzReadServerModule gives it anything: it must not panic or hang.
func FuzzReadServerModule(f *testing.F) {
	f.Add([]byte(importing("env", "syscall", "\x00\x01")))
	f.Add([]byte(head + typeI + noImport + section(7, "\x01"+name("memory")+"\x02\x00")))
	path := filepath.Join(f.TempDir(), "module.wasm")
	f.Fuzz(func(t *testing.T, code []byte) {
		if err := os.WriteFile(path, code, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := programs.ReadServerModule(path)
		if (m == nil) == (err == nil) {
			t.Error(m, err)
		}
	})
}
