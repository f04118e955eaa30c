package embeddedpg_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
)

// secret is a file of the host that SQL must not reach, and what is in it.
func secret(t *testing.T) (name, content string) {
	t.Helper()
	name, content = filepath.Join(t.TempDir(), "secret.txt"), "the secret of the host"
	writeFile(t, name, content+"\n")
	return name, content
}

// fails wants the statement to fail, and the session to go on.
func fails(t *testing.T, c *pgx.Conn, sql string, args ...any) {
	t.Helper()
	tag, err := c.Exec(testContext(t), sql, args...)
	if err == nil {
		t.Errorf("%s: %s", sql, tag)
	}
	if c.IsClosed() {
		t.Fatalf("%s: ended the session: %v", sql, err)
	}
}

// TestSandbox tries, as superuser, every way in which SQL reaches the files and programs of the machine
// that a native server runs on.
func TestSandbox(t *testing.T) {
	s := sharedServer(t)
	c := connect(t, s)
	host, content := secret(t)
	dir := filepath.Dir(host)
	exec(t, c, "CREATE TEMP TABLE lines (line text)")

	t.Run("COPY", func(t *testing.T) {
		fails(t, c, "COPY lines FROM '"+host+"'")
		fails(t, c, "COPY lines TO '"+dir+"/new'")
		fails(t, c, "COPY lines FROM '"+s.DataDir()+"/../../../../.."+host+"'")
		fails(t, c, "COPY lines FROM '/proc/self/environ'")
	})
	t.Run("beside the data directory", func(t *testing.T) {
		for parent := filepath.Dir(s.DataDir()); parent != "/" && parent != "/dev"; parent = filepath.Dir(parent) {
			for _, name := range one[[]string](t, c, "SELECT array(SELECT pg_ls_dir($1))", parent) {
				if _, err := os.Stat(filepath.Join(parent, name)); err == nil && !strings.HasPrefix(s.DataDir()+"/", filepath.Join(parent, name)+"/") &&
					!strings.HasPrefix(s.SocketDir()+"/", filepath.Join(parent, name)+"/") {
					t.Errorf("the server sees %s in %s", name, parent)
				}
			}
		}
	})
	t.Run("PROGRAM", func(t *testing.T) {
		fails(t, c, "COPY lines FROM PROGRAM 'cat "+host+"'")
		fails(t, c, "COPY lines TO PROGRAM 'cat > "+dir+"/new'")
		fails(t, c, "COPY lines FROM PROGRAM '/bin/sh -c \"cat "+host+"\"'")
	})
	t.Run("pg_read_file", func(t *testing.T) {
		for _, f := range []string{"pg_read_file($1)", "pg_read_binary_file($1)::text", "pg_ls_dir($1)"} {
			fails(t, c, "SELECT "+f, host)
			fails(t, c, "SELECT "+f, "../../../../../.."+host)
		}
		fails(t, c, "SELECT pg_ls_dir($1)", dir)
		if st := one[*string](t, c, "SELECT pg_stat_file($1, true)::text", host); st != nil && strings.Contains(*st, ":") {
			t.Error("pg_stat_file sees it:", *st)
		}
	})
	t.Run("large objects", func(t *testing.T) {
		fails(t, c, "SELECT lo_import($1)", host)
		exec(t, c, "SELECT lo_create(4711)")
		fails(t, c, "SELECT lo_export(4711, $1)", dir+"/new")
		exec(t, c, "SELECT lo_unlink(4711)")
	})
	t.Run("tablespace", func(t *testing.T) {
		outside := t.TempDir()
		fails(t, c, "CREATE TABLESPACE outside LOCATION '"+outside+"'")
		if entries, _ := os.ReadDir(outside); len(entries) > 0 {
			t.Error("files in it:", entries)
		}
	})
	t.Run("LOAD", func(t *testing.T) {
		library := filepath.Join(dir, "library.so")
		writeFile(t, library, "\x7fELF")
		fails(t, c, "LOAD '"+library+"'")
		fails(t, c, "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE c AS '"+library+"', 'f'")
		fails(t, c, "LOAD '/usr/lib/x86_64-linux-gnu/libc.so.6'")
	})
	t.Run("file_fdw", func(t *testing.T) {
		exec(t, c, "CREATE EXTENSION IF NOT EXISTS file_fdw")
		exec(t, c, "CREATE SERVER IF NOT EXISTS files FOREIGN DATA WRAPPER file_fdw")
		exec(t, c, "CREATE FOREIGN TABLE IF NOT EXISTS pg_temp.f (line text) SERVER files OPTIONS (filename '"+host+"')")
		fails(t, c, "SELECT * FROM pg_temp.f")
	})
	t.Run("log", func(t *testing.T) {
		fails(t, c, "SELECT pg_rotate_logfile('stderr')")
	})
	if b, err := os.ReadFile(host); err != nil || string(b) != content+"\n" {
		t.Error("the file changed", string(b), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 { // the secret, and what LOAD was given
		t.Error("new files:", entries)
	}
}

// TestPlantedSymlink has links in the data directory, planted by someone who can write there.
func TestPlantedSymlink(t *testing.T) {
	data := newCluster(t)
	host, content := secret(t)
	for name, target := range map[string]string{
		"absolute": host, "directory": filepath.Dir(host), "root": "/",
		"relative": "../../../../../../../../.." + host, "base/link": host,
	} {
		if err := os.Symlink(target, filepath.Join(data, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, embeddedpg.Config{DataDir: data, Password: templatePassword})
	c := connect(t, s)
	exec(t, c, "CREATE TEMP TABLE lines (line text)")
	for _, name := range []string{"absolute", "relative", "base/link", "directory/secret.txt", "root" + host} {
		fails(t, c, "SELECT pg_read_file($1)", name)
		fails(t, c, "SELECT pg_read_file($1)", s.DataDir()+"/"+name)
		fails(t, c, "COPY lines FROM '"+s.DataDir()+"/"+name+"'")
		fails(t, c, "COPY (SELECT 1) TO '"+s.DataDir()+"/"+name+"'")
	}
	fails(t, c, "COPY (SELECT 1) TO '"+s.DataDir()+"/directory/new'")
	if b, _ := os.ReadFile(host); string(b) != content+"\n" {
		t.Error("the file changed:", string(b))
	}
}

// TestArchiveCommand has the server try to run a program for each WAL file. It has none, says so in its
// log, and keeps the files.
func TestArchiveCommand(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "archived")
	s := start(t, embeddedpg.Config{
		DataDir: newCluster(t), Password: templatePassword,
		Settings: map[string]string{"archive_mode": "on", "archive_command": "cp %p " + out, "wal_level": "replica"},
	})
	c := connect(t, s)
	exec(t, c, "CREATE TABLE t AS SELECT generate_series(1, 1000)")
	exec(t, c, "SELECT pg_switch_wal()")
	for end := time.Now().Add(limit / 2); one[int](t, c, "SELECT failed_count::int FROM pg_stat_archiver") == 0; {
		if time.Now().After(end) {
			t.Error("the archiver counts no failure")
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n := one[int](t, c, "SELECT archived_count::int FROM pg_stat_archiver"); n != 0 {
		t.Error("archived:", n)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("the program ran")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestMounts opens one directory for writing and one for reading, and nothing beside them.
func TestMounts(t *testing.T) {
	rw, ro := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(ro, "in.txt"), "hello\n")
	outside, _ := secret(t)
	os.Symlink(outside, filepath.Join(ro, "link"))
	s := start(t, embeddedpg.Config{
		DataDir: newCluster(t), Password: templatePassword,
		Mounts: []embeddedpg.Mount{{Host: rw, Guest: "/mnt/rw"}, {Host: ro, Guest: "/mnt/ro", ReadOnly: true}},
	})
	c := connect(t, s)
	exec(t, c, "CREATE TEMP TABLE lines (line text)")
	exec(t, c, "COPY lines FROM '/mnt/ro/in.txt'")
	exec(t, c, "COPY lines TO '/mnt/rw/out.txt'")
	if b, err := os.ReadFile(filepath.Join(rw, "out.txt")); err != nil || string(b) != "hello\n" {
		t.Error(string(b), err)
	}
	fails(t, c, "COPY lines TO '/mnt/ro/out.txt'")
	fails(t, c, "COPY lines FROM '/mnt/ro/link'")
	fails(t, c, "COPY lines FROM '/mnt/rw/../../"+outside+"'")
}

// TestOutgoing: a server reaches the networks that its Config names, and by default all but those with the metadata of cloud
// machines.
func TestOutgoing(t *testing.T) {
	other := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword, Listen: "127.0.0.1:0"})
	_, port, err := net.SplitHostPort(other.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		outgoing, host string
		reached        bool
	}{
		{"", "127.0.0.1", true},
		{"", "169.254.169.254", false},
		{"none", "127.0.0.1", false},
		{"127.0.0.1", "127.0.0.1", true},
		{"10.0.0.0/8", "127.0.0.1", false},
	} {
		s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword, Outgoing: tt.outgoing})
		c := connect(t, s)
		exec(t, c, "CREATE EXTENSION dblink")
		_, err := c.Exec(testContext(t), "SELECT dblink_connect($1)", fmt.Sprintf("hostaddr=%s port=%s user=postgres password='%s' dbname=postgres connect_timeout=30", tt.host, port,
			strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(templatePassword)))
		if tt.reached && err != nil || !tt.reached && (err == nil || !strings.Contains(err.Error(), "could not establish connection")) {
			t.Errorf("%q, %s: %v", tt.outgoing, tt.host, err)
		}
		var e *pgconn.PgError
		if !tt.reached && errors.As(err, &e) && !strings.Contains(e.Detail, "Permission denied") {
			t.Errorf("%q, %s: %s", tt.outgoing, tt.host, e.Detail)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := embeddedpg.Start(testContext(t), embeddedpg.Config{Outgoing: "everything"}); err == nil {
		t.Error("a network that is none is accepted")
	}
}
