package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/connect"
)

// remove takes a file or directory away as rm -rf does.
func remove(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		err := os.RemoveAll(path)
		if err == nil {
			return
		}
		if time.Now().After(end) { // a server that writes into it makes it not empty
			t.Fatal(err)
		}
	}
}

// dead waits for a process to end.
func dead(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); syscall.Kill(pid, 0) == nil; time.Sleep(20 * time.Millisecond) {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(b), ") Z ") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %d is left", pid)
		}
	}
}

// TestVanishSockets takes away, one after the other, everything that leads to a running database. It comes back by itself,
// and status, psql and stop work.
func TestVanishSockets(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	s := p.state()
	runtime := filepath.Join(p.dir, defaultRuntime)
	short := filepath.Dir(s.SocketDir)
	for name, paths := range map[string][]string{
		"socket":             {filepath.Join(s.SocketDir, ".s.PGSQL.5432")},
		"socket directory":   {s.SocketDir},
		"control socket":     {s.Control},
		"all of it":          {short},
		"links":              {filepath.Join(runtime, "pglite.sock"), filepath.Join(runtime, "pglite.sock.bridge")},
		"state and password": {filepath.Join(runtime, "state.json"), filepath.Join(runtime, "password")},
		"lock":               {filepath.Join(runtime, "supervisor.lock")},
	} {
		for _, path := range paths {
			remove(t, path)
		}
		for _, path := range append(paths, s.Control, filepath.Join(s.SocketDir, ".s.PGSQL.5432")) {
			for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				if _, err := os.Lstat(path); err == nil {
					break
				} else if time.Now().After(end) {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
		if got := p.state().PID; got != s.PID {
			t.Errorf("%s: process %d, was %d", name, got, s.PID)
		}
		if got := p.query("SELECT 5"); got != "5" {
			t.Errorf("%s: %s", name, got)
		}
	}
	p.ok("stop")
	dead(t, s.PID)
	if _, err := os.Stat(short); !errors.Is(err, fs.ErrNotExist) {
		t.Error("left after stop:", short, err)
	}
}

// TestVanishRuntime takes the runtime directory away under a running database: removed, moved, replaced, or without its
// data. The background process ends in order; stop and start find it meanwhile, and start makes a new one.
func TestVanishRuntime(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, p *projectDir, runtime string)
		then string // what is done at once
	}{
		{"removed, waited for", func(t *testing.T, _ *projectDir, runtime string) { remove(t, runtime) }, ""},
		{"removed, then stop", func(t *testing.T, _ *projectDir, runtime string) { remove(t, runtime) }, "stop"},
		{"removed, then start", func(t *testing.T, _ *projectDir, runtime string) { remove(t, runtime) }, "start --embedded-pg --only postgres"},
		{"the whole .nself removed", func(t *testing.T, _ *projectDir, runtime string) { remove(t, filepath.Dir(runtime)) }, "stop"},
		{"data removed", func(t *testing.T, _ *projectDir, runtime string) { remove(t, filepath.Join(runtime, "pgdata")) }, ""},
		{"data moved", func(t *testing.T, _ *projectDir, runtime string) {
			if err := os.Rename(filepath.Join(runtime, "pgdata"), filepath.Join(runtime, "elsewhere")); err != nil {
				t.Fatal(err)
			}
		}, ""},
		// The server may notice first, and end by itself: it is not started again without its data.
		{"data removed, server killed", func(t *testing.T, p *projectDir, runtime string) {
			pid := p.state().ServerPID
			remove(t, filepath.Join(runtime, "pgdata"))
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				t.Fatal(err)
			}
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.start()
			s := p.state()
			tt.do(t, p, filepath.Join(p.dir, defaultRuntime))
			if tt.then != "" {
				if r := p.run(strings.Fields(tt.then)...); r.code != 0 {
					t.Errorf("nself %s: %+v", tt.then, r)
				}
			}
			dead(t, s.PID)
			dead(t, s.ServerPID)
			pgdata := filepath.Join(p.dir, defaultRuntime, "pgdata")
			if _, err := os.Stat(pgdata); !strings.Contains(tt.then, "start") && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("an empty cluster was put in the place of the data: %v", err)
			}
			p.start()
			if got := p.query("SELECT 5"); got != "5" {
				t.Error(got)
			}
		})
	}
}

// TestMoveProject moves a project under its running database: it ends in order, nothing is lost, and start in the new place
// goes on with it.
func TestMoveProject(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	old := filepath.Join(p.dir, "old")
	if err := os.Mkdir(old, 0o700); err != nil {
		t.Fatal(err)
	}
	base := p.dir
	p.dir = old
	p.start()
	p.query("CREATE TABLE t AS SELECT 7 AS i")
	s := p.state()
	p.dir = filepath.Join(base, "new")
	if err := os.Rename(old, p.dir); err != nil {
		t.Fatal(err)
	}
	dead(t, s.PID)
	if got, ok := p.look(); !ok || got.Status != string(supervisor.Stopped) {
		t.Errorf("in its new place it is %+v", got)
	}
	log, err := os.ReadFile(filepath.Join(p.dir, defaultRuntime, "postgres.log"))
	if err != nil || !strings.Contains(string(log), "moved or removed") {
		t.Errorf("the log does not say why: %v\n%s", err, log)
	}
	p.start()
	if got := p.query("SELECT i FROM t"); got != "7" {
		t.Error(got)
	}
	if log, _ = os.ReadFile(filepath.Join(p.dir, defaultRuntime, "postgres.log")); strings.Contains(string(log), "was not properly shut down") {
		t.Error("it did not end in order")
	}
}

// TestVanishCache takes the compiled code away under a running database, which needs it no more.
func TestVanishCache(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	home := t.TempDir()
	own, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(home, ".nself", "cache")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	compiled, err := filepath.Glob(filepath.Join(own, ".nself", "cache", "*.cwasm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range compiled { // else the start compiles, which takes longer
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(cache, filepath.Base(file)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.env = append(p.env, "HOME="+home)
	p.start()
	remove(t, filepath.Join(home, ".nself"))
	p.healthy("the cache is gone")
	s := p.state()
	c, err := pgx.Connect(t.Context(), connect.Server{Host: s.SocketDir, Port: s.Port, User: s.User, Password: p.password(), Database: s.Database}.URL())
	if err != nil {
		t.Fatal("a new session:", err)
	}
	c.Close(t.Context())
	p.ok("stop")
}

// password is the database's.
func (p *projectDir) password() string {
	p.t.Helper()
	return strings.TrimSpace(string(must(os.ReadFile(filepath.Join(p.dir, defaultRuntime, "password")))))
}
