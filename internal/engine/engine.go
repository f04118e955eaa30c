// Package engine puts the embedded programs and the machine that runs them together: it compiles or maps
// the two modules, and knows which guest path is which program. It decides where compiled code is kept.
//
// It starts nothing: package kernel does, with the programs from here.
package engine

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"time"

	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
	"nself.org/embeddedpg/internal/vm"
)

// Options are the choices of Load.
type Options struct {
	CacheDir string        // of compiled code; "": DefaultCacheDir
	Server   bool          // load the server
	Override *ServerModule // in place of the embedded server; nil: none
	Tools    bool          // load the client programs and initdb

	// SideModules makes the server one that can load extensions' code. It costs a second of compiling and some
	// milliseconds of each start.
	SideModules bool

	Compile func(time.Duration) // called several times a second while code is compiled, with the time taken so far
	Log     slog.Handler        // warnings; nil: dropped
}

// Engine is the loaded programs. Its methods are safe for concurrent use.
type Engine struct {
	vm       *vm.Engine
	image    *vfs.Image
	postgres *vm.Module // nil without Options.Server
	tools    *vm.Module // nil without Options.Tools
}

// postgres is the server's name.
const postgres = "postgres"

// binDir is the guest directory of the programs.
const binDir = "/pgsql/bin"

// Load makes the programs ready: in milliseconds if their compiled form is in the cache, else in
// seconds. Compiling cannot be interrupted; a ctx that has ended is noticed after it.
func Load(ctx context.Context, o Options) (*Engine, error) {
	if o.CacheDir == "" {
		o.CacheDir = DefaultCacheDir()
	}
	e, err := load(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("load the programs: %w", err)
	}
	return e, nil
}

func load(ctx context.Context, o Options) (e *Engine, err error) {
	log := slog.New(slog.DiscardHandler)
	if o.Log != nil {
		log = slog.New(o.Log)
	}
	e = &Engine{}
	defer func() {
		if err != nil {
			e.Close()
		}
	}()
	files, err := image.FS()
	if err != nil {
		return e, err
	}
	if e.image, err = vfs.NewImage(files); err != nil {
		return e, err
	}
	if e.vm, err = vm.New(vm.Config{Log: log}); err != nil {
		return e, err
	}
	begin := time.Now()
	progress := func(p vm.Progress) {
		if o.Compile != nil && p.Phase != vm.Loaded {
			o.Compile(time.Since(begin))
		}
	}
	module := func(name string, code []byte, hash string) (*vm.Module, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m, err := e.vm.Load(name, code, hash, vm.LoadOptions{
			CacheDir: o.CacheDir, SideModules: o.SideModules && name == postgres, Progress: progress,
		})
		if err == nil && m.Warning() != nil {
			log.Warn("compiled code is not kept: each start compiles again", "error", m.Warning())
		}
		return m, err
	}
	if o.Server {
		code, hash := image.Postgres(), image.PostgresSHA256
		if o.Override != nil {
			code, hash = o.Override.code, o.Override.hash
		}
		if e.postgres, err = module(postgres, code, hash); err != nil {
			return e, err
		}
	}
	if o.Tools {
		e.tools, err = module("pgtools", image.Tools(), image.ToolsSHA256)
	}
	return e, err
}

// Program returns the program at a guest path, nil if there is none. It is what kernel.Config wants.
func (e *Engine) Program(name string) kernel.Module {
	dir, base := path.Split(name)
	m := e.tools
	if base == postgres {
		m = e.postgres
	}
	if m == nil || path.Clean(dir) != binDir {
		return nil // not m: an interface with a nil pointer in it is not nil
	}
	return m
}

// Image returns the read-only files of the guest; its top folder is pgsql.
func (e *Engine) Image() vfs.FS { return e.image }

// Close waits until no program runs any more, and frees them. It ends none.
func (e *Engine) Close() error {
	if e == nil || e.vm == nil {
		return nil
	}
	return e.vm.Close()
}

// DefaultCacheDir is where compiled code is kept unless a caller says otherwise: .nself/cache in the home
// directory, or the system's place for caches if there is no home. Empty if there is neither; then
// nothing is kept.
func DefaultCacheDir() string {
	if home, err := os.UserHomeDir(); err == nil && filepath.IsAbs(home) {
		return filepath.Join(home, ".nself", "cache")
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "nself")
	}
	return ""
}
