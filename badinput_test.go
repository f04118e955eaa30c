package embeddedpg_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/testenv"
)

// refused wants Start to fail with an *Error that says the words and what to do.
func refused(t *testing.T, cfg embeddedpg.Config, words ...string) {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = testLog(t)
	}
	s, err := embeddedpg.Start(testContext(t), cfg)
	if err == nil {
		s.Close()
		t.Fatal("started")
	}
	var e *embeddedpg.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T: %v", err, err)
	}
	if e.Hint == "" {
		t.Errorf("no hint: %v", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

// editControl changes global/pg_control and corrects its checksum (offsetof(ControlFileData, crc) is 292).
func editControl(t *testing.T, dir string, edit func(b []byte)) {
	t.Helper()
	name := filepath.Join(dir, "global", "pg_control")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	edit(b)
	binary.LittleEndian.PutUint32(b[292:], crc32.Checksum(b[:292], crc32.MakeTable(crc32.Castagnoli)))
	writeFile(t, name, string(b))
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestBadDataDir refuses each, and has changed nothing: where it is put right again, the server starts.
func TestBadDataDir(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		spoil, mend func(t *testing.T, dir string)
		words       []string
	}{
		{
			"another major version",
			func(t *testing.T, d string) { writeFile(t, d+"/PG_VERSION", "17\n") },
			func(t *testing.T, d string) { writeFile(t, d+"/PG_VERSION", "18\n") },
			[]string{"PostgreSQL 17", "pg_dumpall"},
		},
		{
			"PGlite",
			func(t *testing.T, d string) { editControl(t, d, func(b []byte) { b[248] = 0 }) }, // float8ByVal
			func(t *testing.T, d string) { editControl(t, d, func(b []byte) { b[248] = 1 }) },
			[]string{"PGlite", "pgDump"},
		},
		{
			"32-bit",
			func(t *testing.T, d string) { editControl(t, d, func(b []byte) { b[204] = 4 }) }, // maxAlign
			func(t *testing.T, d string) { editControl(t, d, func(b []byte) { b[204] = 8 }) },
			[]string{"alignment is 4", "dump"},
		},
		{
			"foreign files",
			func(t *testing.T, d string) { os.Rename(d+"/PG_VERSION", d+"/notes.txt") },
			func(t *testing.T, d string) { os.Rename(d+"/notes.txt", d+"/PG_VERSION") },
			[]string{"not empty", "not a PostgreSQL cluster"},
		},
		{
			"permissions too wide",
			func(t *testing.T, d string) { os.Chmod(d, 0o755) },
			func(t *testing.T, d string) { os.Chmod(d, 0o700) },
			[]string{"chmod 700"},
		},
		{
			"setting that does not exist",
			func(t *testing.T, d string) { appendFile(t, d+"/postgresql.conf", "no_such_setting = 1\n") },
			func(t *testing.T, d string) { appendFile(t, d+"/postgresql.conf", "", "no_such_setting = 1\n") },
			[]string{"configuration file", "postgresql.conf"},
		},
		{
			"library we lack",
			func(t *testing.T, d string) {
				appendFile(t, d+"/postgresql.conf", "shared_preload_libraries = 'timescaledb'\n")
			},
			func(t *testing.T, d string) {
				appendFile(t, d+"/postgresql.conf", "", "shared_preload_libraries = 'timescaledb'\n")
			},
			[]string{"timescaledb", "shared_preload_libraries"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := newCluster(t)
			tt.spoil(t, dir)
			refused(t, embeddedpg.Config{DataDir: dir}, tt.words...)
			tt.mend(t, dir)
			s := start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword})
			if got := one[int](t, connect(t, s), "SELECT count(*)::int FROM pg_database"); got != 3 {
				t.Error(got)
			}
		})
	}
}

// appendFile adds text to a file, after it took out the others.
func appendFile(t *testing.T, name, text string, out ...string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := string(b)
	for _, o := range out {
		s = strings.Replace(s, o, "", 1)
	}
	writeFile(t, name, s+text)
}

// TestForeignLocale makes a database of a locale that we lack, as a native server might have: it is
// refused, and the others are not.
func TestForeignLocale(t *testing.T) {
	dir := newCluster(t)
	s := start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword})
	c := connect(t, s)
	exec(t, c, "CREATE DATABASE klingon")
	exec(t, c, "UPDATE pg_database SET datlocprovider = 'c', datlocale = NULL, datcollate = 'tlh_QO.UTF-8', datctype = 'tlh_QO.UTF-8' WHERE datname = 'klingon'")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword})
	_, err := pgx.Connect(testContext(t), s.ConnString("klingon"))
	var pe *pgconn.PgError
	if !errors.As(err, &pe) || !strings.Contains(pe.Message+pe.Detail, "locale") {
		t.Fatalf("got %v, want the server's error about the locale", err)
	}
	connect(t, s)
	_, err = connect(t, s).Exec(testContext(t), `CREATE COLLATION k (provider = libc, locale = 'tlh_QO.UTF-8')`)
	if err == nil {
		t.Error("a collation of that locale was made")
	}
}

func TestUnreadable(t *testing.T) {
	dir := newCluster(t)
	os.Chmod(dir, 0)
	testenv.AsNobody(t, func() { refused(t, embeddedpg.Config{DataDir: dir}, "permission denied", "0700") })
	os.Chmod(dir, 0o700)
	s := start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword})
	connect(t, s)
}

func TestParentNotWritable(t *testing.T) {
	parent := t.TempDir()
	os.Chmod(parent, 0o555)
	defer os.Chmod(parent, 0o700)
	testenv.AsNobody(t, func() { refused(t, embeddedpg.Config{DataDir: parent + "/data"}, "permission denied") })
}

// TestReadOnlyDisk has a cluster on a file system that is mounted read-only.
func TestReadOnlyDisk(t *testing.T) {
	dir := newCluster(t)
	at := filepath.Join(t.TempDir(), "ro")
	os.Mkdir(at, 0o700)
	testenv.Mount(t, at, "--bind", dir)
	testenv.Mount(t, at, "-o", "remount,bind,ro")
	refused(t, embeddedpg.Config{DataDir: at}, "read-only", "must write")
}

// TestFullDisk fills the disk under a statement. It fails, the server lives, and with room it goes on.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a full disk takes 300 MB of writing")
	}
	at := t.TempDir()
	testenv.Mount(t, at, "-t", "tmpfs", "-o", "size=160m", "tmpfs")
	s := start(t, embeddedpg.Config{DataDir: filepath.Join(at, "data")})
	c := connect(t, s)
	exec(t, c, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS i")
	// Unlogged: it is the table's file that does not fit. Without room for WAL a server must end.
	exec(t, c, "CREATE UNLOGGED TABLE load (i int, filler text)")
	ballast := filepath.Join(at, "ballast")
	writeFile(t, ballast, strings.Repeat("x", 80<<20))
	const load = "INSERT INTO load SELECT i, repeat('x', 1000) FROM generate_series(1, 60000) AS i"
	_, err := c.Exec(testContext(t), load)
	var pe *pgconn.PgError
	if !errors.As(err, &pe) || pe.Code != "53100" {
		t.Fatalf("got %v, want SQLSTATE 53100, disk full", err)
	}
	if got := one[int](t, c, "SELECT sum(i)::int FROM kept"); got != 500500 {
		t.Error(got)
	}
	os.Remove(ballast)
	exec(t, c, load)
	if got := one[int](t, c, "SELECT count(*)::int FROM load"); got != 60000 {
		t.Error(got)
	}
	exec(t, c, "INSERT INTO kept SELECT generate_series(1001, 2000)")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestSecondOpener(t *testing.T) {
	dir := newCluster(t)
	s := start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword})
	refused(t, embeddedpg.Config{DataDir: dir}, "in use", fmt.Sprint(os.Getpid()))
	refused(t, embeddedpg.Config{DataDir: dir + "/."}, "in use")
	if got := one[int](t, connect(t, s), "SELECT 1"); got != 1 {
		t.Error(got)
	}
}

func TestSecondCreator(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // empty: a cluster is made
	second := make(chan error, 1)
	s := start(t, embeddedpg.Config{DataDir: dir, Progress: func(p embeddedpg.Progress) {
		if p.Stage == embeddedpg.StageCreate {
			s, err := embeddedpg.Start(testContext(t), embeddedpg.Config{DataDir: dir})
			if err == nil {
				s.Close()
			}
			second <- err
		}
	}})
	if err := <-second; err == nil || !strings.Contains(err.Error(), "in use") {
		t.Error("second creator:", err)
	}
	connect(t, s)
}

// TestInterruptedCreate has what a start that was killed while it made a cluster left behind. It is cleared,
// and what only looks like it is not.
func TestInterruptedCreate(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	for _, dir := range []string{"data", ".data.new-1/data/base", ".data.new-2", ".data.newer", "other"} {
		if err := os.MkdirAll(filepath.Join(parent, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(parent, ".data.new-1", "embeddedpg-new-cluster"), "")
	s := start(t, embeddedpg.Config{DataDir: filepath.Join(parent, "data")})
	connect(t, s)
	var names []string
	entries, _ := os.ReadDir(parent)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != ".data.new-2 .data.newer data other" {
		t.Error(got)
	}
}

func TestSocketAndPortTaken(t *testing.T) {
	s := sharedServer(t)
	before := one[int](t, connect(t, s), "SELECT 1")
	refused(t, embeddedpg.Config{SocketDir: s.SocketDir()}, "process "+fmt.Sprint(os.Getpid()), "another socket directory")
	refused(t, embeddedpg.Config{SocketDir: "/tmp/" + strings.Repeat("long/", 25)}, "bytes", "socket directory of at most")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refused(t, embeddedpg.Config{Listen: l.Addr().String()}, "in use", "another port")
	refused(t, embeddedpg.Config{Settings: map[string]string{"port": "1"}}, "Config.Port")
	refused(t, embeddedpg.Config{Settings: map[string]string{"listen_addresses": "*"}}, "Config.Listen")
	refused(t, embeddedpg.Config{Port: 70000}, "70000")
	refused(t, embeddedpg.Config{Mounts: []embeddedpg.Mount{{Host: "/tmp", Guest: "/pgdata/x"}}}, "/pgdata")
	if one[int](t, connect(t, s), "SELECT 1") != before {
		t.Error("the first server is gone")
	}
}

func TestWrongCredentials(t *testing.T) {
	s := sharedServer(t)
	good, err := pgx.ParseConfig(s.ConnString(""))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(c *pgx.ConnConfig)
		code   string
	}{
		"wrong password":   {func(c *pgx.ConnConfig) { c.Password = "wrong" }, "28P01"},
		"no password":      {func(c *pgx.ConnConfig) { c.Password = "" }, "28P01"},
		"unknown user":     {func(c *pgx.ConnConfig) { c.User = "nobody" }, "28P01"},
		"unknown database": {func(c *pgx.ConnConfig) { c.Database = "nothing" }, "3D000"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good.Copy()
			tt.change(cfg)
			_, err := pgx.ConnectConfig(testContext(t), cfg)
			var pe *pgconn.PgError
			if !errors.As(err, &pe) || pe.Code != tt.code {
				t.Fatalf("got %v, want SQLSTATE %s", err, tt.code)
			}
		})
	}
}

// TestBadPackets sends what is no startup packet. Each connection ends, and the server lives.
func TestBadPackets(t *testing.T) {
	s := start(t, embeddedpg.Config{
		DataDir: newCluster(t), Password: templatePassword, Listen: "127.0.0.1:0", Settings: map[string]string{"authentication_timeout": "1s"},
	})
	length := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	packets := map[string][]byte{
		"nothing":        nil,
		"garbage":        []byte("GET / HTTP/1.0\r\n\r\n"),
		"zeros":          make([]byte, 64),
		"too short":      length(3),
		"oversized":      append(length(1<<30), make([]byte, 1<<16)...),
		"negative":       length(1 << 31),
		"half sent":      append(length(100), 0, 3, 0, 0, 'u', 's'),
		"unknown":        append(length(8), 0, 9, 9, 9),
		"no terminator":  append(length(12), 0, 3, 0, 0, 'u', 's', 'e', 'r'),
		"cancel nothing": append(length(16), 0x04, 0xd2, 0x16, 0x2e, 0, 0, 0, 1, 0, 0, 0, 2),
		"TLS, then rest": append(length(8), 0x04, 0xd2, 0x16, 0x2f),
	}
	for _, network := range []string{"unix", "tcp", "in process"} {
		for name, packet := range packets {
			t.Run(network+"/"+name, func(t *testing.T) {
				t.Parallel()
				var c net.Conn
				var err error
				switch network {
				case "unix":
					c, err = net.Dial("unix", s.SocketDir()+"/.s.PGSQL.5432")
				case "tcp":
					c, err = net.Dial("tcp", s.Addr().String())
				default:
					c, err = s.Dial(testContext(t))
				}
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				c.SetDeadline(time.Now().Add(20 * time.Second))
				if _, err := c.Write(packet); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, syscall.ECONNRESET) {
					t.Fatal("the connection stays open:", err)
				}
			})
		}
	}
	t.Cleanup(func() {
		if got := one[int](t, connect(t, s), "SELECT 1"); got != 1 {
			t.Error(got)
		}
	})
}
