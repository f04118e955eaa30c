// Package programs puts the embedded programs and the machine that runs them together: it chooses what runs each
// module, and knows which guest path is which program. It decides where machine code is kept.
//
// It starts nothing: package kernel does, with the programs from here.
package programs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
	"nself.org/embeddedpg/internal/vm"
)

// Options are the choices of Load.
type Options struct {
	CacheDir string        // of machine code; "": DefaultCacheDir
	Server   bool          // load the server
	Override *ServerModule // in place of the embedded server; nil: none
	Initdb   bool          // load initdb, which makes a cluster together with the server
	Tools    bool          // load the other client programs

	// ExtensionDirs have side modules that the server can load. wasmtime runs it if one of them has no native code.
	ExtensionDirs []string

	// Extensions are the same, as file systems of the program.
	Extensions []fs.FS

	// Compile is called several times a second while code is compiled, with the time taken so far; never twice at once.
	Compile func(time.Duration)
	Log     slog.Handler // warnings; nil: dropped
}

// Set is the loaded programs. Its methods are safe for concurrent use.
type Set struct {
	vm       *vm.Engine
	image    *vfs.Image
	postgres *vm.Module // nil without Options.Server
	initdb   *vm.Module // nil without Options.Initdb
	tools    *vm.Module // nil without Options.Tools
}

// The names of the programs that are modules of their own.
const (
	postgres = "postgres"
	initdb   = "initdb"
)

// binDir is the guest directory of the programs.
const binDir = "/pgsql/bin"

// Load makes the programs ready: in milliseconds if they run as native code or their compiled form is in the cache, else
// in seconds. Compiling cannot be interrupted: if ctx ends, Load returns its error at once, and a goroutine stays until the
// compiler is done with the module in hand, which it still puts into the cache. Where the operating system's limits have no
// room for the processes that are to run, Load says so first, as a *fault.Error.
func Load(ctx context.Context, o Options) (*Set, error) {
	if o.CacheDir == "" {
		o.CacheDir = DefaultCacheDir()
	}
	o.Compile = quietAfter(ctx, o.Compile)
	type result struct {
		set *Set
		err error
	}
	loaded := make(chan result, 1)
	go func() {
		set, err := load(ctx, o)
		if err != nil {
			set = nil
		}
		loaded <- result{set, err}
	}()
	select {
	case r := <-loaded:
		var known *fault.Error
		if r.err != nil && !errors.As(r.err, &known) {
			r.err = fmt.Errorf("load the programs: %w", r.err)
		}
		return r.set, r.err
	case <-ctx.Done():
		go func() {
			if r := <-loaded; r.err == nil {
				r.set.Close()
			}
		}()
		o.Compile(0) // waits for a call that is under way
		return nil, fmt.Errorf("load the programs: %w", ctx.Err())
	}
}

// quietAfter makes f a function that is never called twice at once, nor after ctx has ended.
func quietAfter(ctx context.Context, f func(time.Duration)) func(time.Duration) {
	var mu sync.Mutex
	return func(elapsed time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if f != nil && ctx.Err() == nil {
			f(elapsed)
		}
	}
}

func load(ctx context.Context, o Options) (s *Set, err error) {
	log := slog.New(slog.DiscardHandler)
	if o.Log != nil {
		log = slog.New(o.Log)
	}
	s = &Set{}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.vm, err = vm.New(vm.Config{Log: log}); err != nil {
		return s, err
	}
	choice, err := chooseRunner()
	if err != nil {
		return s, err
	}
	list, err := modules(o, choice)
	if err != nil {
		return s, err
	}
	if o.Server {
		if err := list[0].checkSides(o, choice, log); err != nil {
			return s, err
		}
	}
	if err := room(s.vm, o.Server, list); err != nil {
		return s, err
	}
	if o.CacheDir == "" {
		_, why := hostdir.Home()
		log.Warn("cache of machine code", "error", fmt.Errorf("%w: %w", vm.ErrNotKept, why))
	}
	begin := time.Now()
	progress := func(p vm.Progress) {
		if p.Phase != vm.Loaded {
			o.Compile(time.Since(begin))
		}
	}
	var group errgroup.Group
	group.Go(func() (err error) {
		s.image, err = files()
		return err
	})
	for _, m := range list {
		m.options.CacheDir, m.options.Progress = o.CacheDir, progress
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			loaded, err := s.vm.Load(m.name, m.code, m.options)
			if err != nil {
				return noNative(err, m)
			}
			if loaded.Warning() != nil {
				log.Warn("cache of machine code", "program", m.name, "error", loaded.Warning())
			}
			*m.place(s) = loaded
			return nil
		})
	}
	return s, group.Wait()
}

// files returns the tree of the files that the programs read.
func files() (*vfs.Image, error) {
	archive, err := image.FS()
	if err != nil {
		return nil, err
	}
	return vfs.NewImage(archive)
}

// Runner returns what runs the server, or the client programs where there is no server: "native" or "wasmtime".
func (s *Set) Runner() string {
	for _, m := range []*vm.Module{s.postgres, s.tools, s.initdb} {
		if m != nil {
			return string(m.Runner())
		}
	}
	return ""
}

// Program returns the program at a guest path, nil if there is none. It is what kernel.Config wants.
func (s *Set) Program(name string) kernel.Module {
	dir, base := path.Split(name)
	m := s.tools
	switch base {
	case postgres:
		m = s.postgres
	case initdb:
		m = s.initdb
	}
	if m == nil || path.Clean(dir) != binDir {
		return nil // not m: an interface with a nil pointer in it is not nil
	}
	return m
}

// Image returns the read-only files of the guest; its top folder is pgsql.
func (s *Set) Image() vfs.FS { return s.image }

// Close waits until no program runs any more, and frees them. It ends none.
func (s *Set) Close() error {
	if s == nil || s.vm == nil {
		return nil
	}
	return s.vm.Close()
}

// DefaultCacheDir is where machine code is kept unless a caller says otherwise: .nself/cache in the home
// directory, or the system's place for caches if there is no home. Empty if there is neither; then
// nothing is kept.
func DefaultCacheDir() string {
	if home, err := hostdir.Home(); err == nil {
		return filepath.Join(home, ".nself", "cache")
	}
	if dir, err := os.UserCacheDir(); err == nil && filepath.IsAbs(dir) {
		return filepath.Join(dir, "nself")
	}
	return ""
}
