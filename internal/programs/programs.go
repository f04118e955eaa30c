// Package programs puts the embedded programs and the machine that runs them together: it compiles or maps
// the modules, and knows which guest path is which program. It decides where compiled code is kept.
//
// It starts nothing: package kernel does, with the programs from here.
package programs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"
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
	CacheDir string        // of compiled code; "": DefaultCacheDir
	Server   bool          // load the server
	Override *ServerModule // in place of the embedded server; nil: none
	Initdb   bool          // load initdb, which makes a cluster together with the server
	Tools    bool          // load the other client programs

	// SideModules makes the server one that can load extensions' code. It costs 0.3 s of compiling and some
	// milliseconds of each start.
	SideModules bool

	// Quick runs the server by code that is compiled in less time, if it has to be compiled; see Improve.
	Quick bool

	// Compile is called several times a second while code is compiled, with the time taken so far; never twice at once.
	Compile func(time.Duration)
	Log     slog.Handler // warnings; nil: dropped
}

// Set is the loaded programs. Its methods are safe for concurrent use.
type Set struct {
	vm       *vm.Engine
	image    *vfs.Image
	postgres atomic.Pointer[vm.Module] // nil without Options.Server
	improve  func() error              // nil where there is nothing to improve
	initdb   *vm.Module                // nil without Options.Initdb
	tools    *vm.Module                // nil without Options.Tools
}

// The names of the programs that are modules of their own.
const (
	postgres = "postgres"
	initdb   = "initdb"
)

// binDir is the guest directory of the programs.
const binDir = "/pgsql/bin"

// Load makes the programs ready: in milliseconds if their compiled form is in the cache, else in
// seconds. Compiling cannot be interrupted: if ctx ends, Load returns its error at once, and a goroutine stays until the
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
	files, err := image.FS()
	if err != nil {
		return s, err
	}
	if s.image, err = vfs.NewImage(files); err != nil {
		return s, err
	}
	if s.vm, err = vm.New(vm.Config{Log: log}); err != nil {
		return s, err
	}
	if err := room(s.vm, o.Server); err != nil {
		return s, err
	}
	if o.CacheDir == "" {
		_, why := hostdir.Home()
		log.Warn("cache of compiled code", "error", fmt.Errorf("%w: %w", vm.ErrNotKept, why))
	}
	begin := time.Now()
	progress := func(p vm.Progress) {
		if p.Phase != vm.Loaded {
			o.Compile(time.Since(begin))
		}
	}
	var group errgroup.Group
	module := func(name string, code []byte, hash string, options vm.LoadOptions, loaded func(*vm.Module)) {
		options.CacheDir, options.Progress = o.CacheDir, progress
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			m, err := s.vm.Load(name, code, hash, options)
			if err != nil {
				return err
			}
			if m.Warning() != nil {
				log.Warn("cache of compiled code", "program", name, "error", m.Warning())
			}
			loaded(m)
			return nil
		})
	}
	if o.Server {
		code, hash := image.Postgres(), image.PostgresSHA256
		if o.Override != nil {
			code, hash = o.Override.code, o.Override.hash
		}
		module(postgres, code, hash, vm.LoadOptions{SideModules: o.SideModules, Quick: o.Quick}, func(m *vm.Module) {
			s.postgres.Store(m)
			if m.Quick() {
				s.improve = func() error { return s.recompile(code, hash, o.CacheDir, log) }
			}
		})
	}
	if o.Initdb {
		module(initdb, image.Initdb(), image.InitdbSHA256, vm.LoadOptions{}, func(m *vm.Module) { s.initdb = m })
	}
	if o.Tools {
		module("pgtools", image.Tools(), image.ToolsSHA256, vm.LoadOptions{}, func(m *vm.Module) { s.tools = m })
	}
	return s, group.Wait()
}

// Improve compiles the good code of a server that was compiled quickly, and lets the programs run it that start from then on;
// it does nothing for another. It can be called once. Close does not wait for it.
func (s *Set) Improve() error {
	if s.improve == nil {
		return nil
	}
	if err := s.improve(); err != nil && !errors.Is(err, vm.ErrClosed) {
		return fmt.Errorf("compile the server's good code: %w", err)
	}
	return nil
}

// recompile compiles into the cache, with an engine of its own, so that s can be closed meanwhile, and loads from there.
func (s *Set) recompile(code []byte, hash, cacheDir string, log *slog.Logger) error {
	compiler, err := vm.New(vm.Config{Log: log})
	if err != nil {
		return err
	}
	o := vm.LoadOptions{CacheDir: cacheDir}
	m, err := compiler.Load(postgres, code, hash, o)
	if err == nil && errors.Is(m.Warning(), vm.ErrNotKept) {
		err = m.Warning()
	}
	compiler.Close()
	if err != nil {
		return err
	}
	if m, err = s.vm.Load(postgres, code, hash, o); err != nil {
		return err
	}
	s.postgres.Store(m)
	return nil
}

// Program returns the program at a guest path, nil if there is none. It is what kernel.Config wants.
func (s *Set) Program(name string) kernel.Module {
	dir, base := path.Split(name)
	m := s.tools
	switch base {
	case postgres:
		m = s.postgres.Load()
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

// DefaultCacheDir is where compiled code is kept unless a caller says otherwise: .nself/cache in the home
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
