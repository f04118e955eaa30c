// Package backup moves databases between this project's server and native PostgreSQL 18 by backups of every kind, and
// kills what makes and restores them.
package backup

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/pgclient"
)

// ours starts our server in a place where native programs reach its socket, until the end of the test.
func (p place) ours(t *testing.T, config embeddedpg.Config) *embeddedpg.Server {
	t.Helper()
	if config.DataDir != "" {
		if _, err := os.Stat(config.DataDir); err == nil {
			own(t, config.DataDir, os.Getuid())
		}
	}
	sockets, err := os.MkdirTemp(p.dir, "o")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(sockets, 0o755); err != nil {
		t.Fatal(err)
	}
	config.SocketDir, config.SocketMode, config.Password = sockets, 0o666, password
	s, err := embeddedpg.Start(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// program runs one of our programs on a server, and returns the time it took.
func program(t *testing.T, env map[string]string, name string, args ...string) time.Duration {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	begin := time.Now()
	code, err := pgclient.Run(context.Background(), pgclient.Command{Name: name, Args: args, Env: env, Library: true, Stdout: out, Stderr: out})
	if err != nil || code != 0 {
		text, _ := os.ReadFile(out.Name())
		t.Fatalf("our %s %v: code %d, %v\n%s", name, args, code, err, text)
	}
	return time.Since(begin)
}

func ourEnv(s *embeddedpg.Server) map[string]string {
	return map[string]string{"PGHOST": s.SocketDir(), "PGPORT": "5432", "PGUSER": "postgres", "PGPASSWORD": password, "PGDATABASE": "postgres"}
}

// formats are pg_dump's, by its letter.
var formats = []struct {
	letter string
	format embeddedpg.BackupFormat
}{{"c", embeddedpg.BackupCustom}, {"p", embeddedpg.BackupPlain}, {"d", embeddedpg.BackupDirectory}, {"t", embeddedpg.BackupTar}}

// TestDumpOursToNative restores dumps of our pg_dump with the native programs into the native server.
func TestDumpOursToNative(t *testing.T) {
	p := newPlace(t)
	s := p.ours(t, embeddedpg.Config{})
	fill(t, s.ConnString(""), int64(size))
	want := sums(t, s.ConnString(""))
	p.initNative(t, p.path("native"))
	n := p.startNative(t, p.path("native"), "fsync=off")
	for _, f := range formats {
		b, err := s.Backup(context.Background(), embeddedpg.BackupOptions{Dir: p.path("backups"), Format: f.format})
		if err != nil {
			t.Fatal(f, err)
		}
		if err := os.Chmod(p.path("backups"), 0o755); err != nil {
			t.Fatal(err)
		}
		own(t, b.Path, nobody)
		database := "from_" + f.letter
		p.run(t, n.env(), "createdb", "-T", "template0", database)
		if f.letter == "p" {
			p.run(t, n.env(), "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-d", database, "-f", p.inside(b.Path))
		} else {
			p.run(t, n.env(), "pg_restore", "--exit-on-error", "-d", database, p.inside(b.Path))
		}
		same(t, "native, from our format "+f.letter, sums(t, n.conn(database)), want)
	}
}

// TestDumpNativeToOurs restores dumps of the native pg_dump into our server.
func TestDumpNativeToOurs(t *testing.T) {
	p := newPlace(t)
	p.initNative(t, p.path("native"))
	n := p.startNative(t, p.path("native"), "fsync=off")
	fill(t, n.conn("postgres"), int64(size))
	want := sums(t, n.conn("postgres"))
	s := p.ours(t, embeddedpg.Config{})
	for _, f := range formats {
		file := p.path("dump_" + f.letter)
		p.run(t, n.env(), "pg_dump", "-F"+f.letter, "-f", p.inside(file))
		b, err := embeddedpg.FindBackup(context.Background(), p.path("none"), "", file)
		if err != nil || b.Format != f.format {
			t.Fatal(b, err)
		}
		r, err := s.Restore(context.Background(), b, embeddedpg.RestoreOptions{Database: "from_" + f.letter})
		if err != nil && strings.Contains(err.Error(), "this build does not support compression with gzip") {
			t.Logf("format %s: without compression: %v", f.letter, err)
			if err := os.RemoveAll(file); err != nil {
				t.Fatal(err)
			}
			p.run(t, n.env(), "pg_dump", "-F"+f.letter, "-Z0", "-f", p.inside(file))
			r, err = s.Restore(context.Background(), b, embeddedpg.RestoreOptions{Database: "from_" + f.letter})
		}
		if err != nil || r.Replaced {
			t.Fatal(f, r, err)
		}
		same(t, "ours, from native format "+f.letter, sums(t, s.ConnString("from_"+f.letter)), want)
	}
}

// TestDumpTime compares the times of pg_dump and pg_restore, ours on our server and native on the native one, in turn and with
// the same shared_buffers. -size 1GB makes it a figure; of a small database it only has to end.
func TestDumpTime(t *testing.T) {
	p := newPlace(t)
	s := p.ours(t, embeddedpg.Config{DataDir: p.path("ours"), Settings: map[string]string{"shared_buffers": "64MB"}})
	fill(t, s.ConnString(""), int64(size))
	p.initNative(t, p.path("native"))
	n := p.startNative(t, p.path("native"))
	fill(t, n.conn("postgres"), int64(size))
	const pairs = 3
	report := func(name string, ours, native []time.Duration) {
		slices.Sort(ours)
		slices.Sort(native)
		o, m := ours[pairs/2], native[pairs/2]
		t.Logf("%s: ours %v, native %v (medians of %d), ratio %.2f", name, o.Round(time.Millisecond), m.Round(time.Millisecond), pairs, o.Seconds()/m.Seconds())
	}
	for _, f := range []struct {
		name    string
		args    []string
		restore bool
	}{{"custom, uncompressed", []string{"-Fc", "-Z0"}, true}, {"custom, as each does it by default", []string{"-Fc"}, true}, {"plain", []string{"-Fp"}, false}} {
		var ours, native, oursBack, nativeBack []time.Duration
		for i := range pairs {
			file := p.path(fmt.Sprint("time", i))
			ours = append(ours, program(t, ourEnv(s), "pg_dump", append(f.args, "-f", file)...))
			if f.restore {
				program(t, ourEnv(s), "createdb", "-T", "template0", "back")
				oursBack = append(oursBack, program(t, ourEnv(s), "pg_restore", "--exit-on-error", "-d", "back", file))
				program(t, ourEnv(s), "dropdb", "back")
			}
			own(t, file, nobody)
			begin := time.Now()
			p.run(t, n.env(), "pg_dump", append(f.args, "-f", p.inside(file))...)
			native = append(native, time.Since(begin))
			if f.restore {
				p.run(t, n.env(), "createdb", "-T", "template0", "back")
				begin = time.Now()
				p.run(t, n.env(), "pg_restore", "--exit-on-error", "-d", "back", p.inside(file))
				nativeBack = append(nativeBack, time.Since(begin))
				p.run(t, n.env(), "dropdb", "back")
			}
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		report("pg_dump, "+f.name, ours, native)
		if f.restore {
			report("pg_restore of it", oursBack, nativeBack)
		}
	}
}
