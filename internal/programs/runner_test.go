package programs

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/vm"
)

// TestRunner: what runs a server, by what the environment and the options ask for.
func TestRunner(t *testing.T) {
	packed, err := image.Postgres.Native()
	if err != nil {
		t.Fatal(err)
	}
	best := vm.Wasmtime
	if packed != nil {
		best = vm.Native
	}
	bare := t.TempDir()
	if err := os.WriteFile(filepath.Join(bare, "x.so"), []byte("\x00asm\x01\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := &ServerModule{code: []byte("\x00asm"), hash: strings.Repeat("0", 64)}
	same := &ServerModule{hash: image.PostgresSHA256}
	for _, tt := range []struct {
		name, engine string
		o            Options
		want         vm.Runner
	}{
		{"nothing", "", Options{Server: true}, best},
		{"wasmtime", "wasmtime", Options{Server: true}, vm.Wasmtime},
		{"a module of one's own", "", Options{Server: true, Override: other}, vm.Wasmtime},
		{"the embedded module as a file", "", Options{Server: true, Override: same}, best},
		{"no side modules yet", "", Options{Server: true, ExtensionDirs: []string{t.TempDir()}}, best},
		{"wasmtime asked for anyway", "wasmtime", Options{Server: true, ExtensionDirs: []string{bare}}, vm.Wasmtime},
		{"side modules without native code", "", Options{Server: true, ExtensionDirs: []string{bare}}, vm.Wasmtime},
		{"the same within the program", "", Options{Server: true, Extensions: []fs.FS{os.DirFS(bare)}}, vm.Wasmtime},
		{"files that say they have native code", "", Options{Server: true, Extensions: []fs.FS{saysNative{os.DirFS(bare)}}}, best},
	} {
		t.Setenv(runnerVariable, tt.engine)
		choice, err := chooseRunner()
		if err != nil {
			t.Fatal(err)
		}
		list, err := modules(tt.o, choice)
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		if err := list[0].checkSides(tt.o, choice, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(log.String(), "x.so"); warned != (tt.want == vm.Wasmtime && tt.engine == "" && tt.o.Override == nil && best == vm.Native) {
			t.Errorf("%s: log %q", tt.name, log.String())
		}
		if got := list[0].native(); got != (tt.want == vm.Native) {
			t.Errorf("%s: native: %v", tt.name, got)
		}
	}
}

// saysNative says that its modules have native code.
type saysNative struct{ fs.FS }

func (saysNative) HasNativeCode() bool { return true }

// TestRunnerRefused: what cannot be had is an error that says what to do, before anything is compiled.
func TestRunnerRefused(t *testing.T) {
	other := &ServerModule{code: []byte("\x00asm"), hash: strings.Repeat("0", 64)}
	for _, tt := range []struct {
		engine string
		o      Options
		want   string
	}{
		{"wasmtme", Options{Initdb: true}, `EMBEDDEDPG_ENGINE is "wasmtme"`},
		{"native", Options{Server: true, Override: other}, vm.ErrNoNative.Error()},
	} {
		t.Setenv(runnerVariable, tt.engine)
		tt.o.CacheDir = t.TempDir()
		s, err := Load(context.Background(), tt.o)
		var f *fault.Error
		if !errors.As(err, &f) || f.Hint == "" || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.engine, err)
		}
		if err == nil {
			s.Close()
		}
	}
}

// TestRunnerLoads: the programs run as native code where there is some, and by wasmtime where that is asked for.
func TestRunnerLoads(t *testing.T) {
	packed, err := image.Initdb.Native()
	if err != nil {
		t.Fatal(err)
	}
	for _, engine := range []vm.Runner{vm.Native, vm.Wasmtime} {
		if engine == vm.Native && packed == nil {
			continue
		}
		t.Setenv(runnerVariable, string(engine))
		compiled := false
		s, err := Load(context.Background(), Options{Initdb: true, CacheDir: t.TempDir(), Compile: func(time.Duration) { compiled = true }})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Runner(); got != string(engine) || compiled != (engine == vm.Wasmtime) {
			t.Errorf("%s: %s, compiled: %v", engine, got, compiled)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
