package embeddedpg_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
)

// TestNamesOfFiles wants the paths that the server tells to be those of the host, whatever they look like.
func TestNamesOfFiles(t *testing.T) {
	template := newCluster(t)
	base := t.TempDir()
	for name, tt := range map[string]struct {
		dir  string
		same bool // as the host's
	}{
		"plain":          {base + "/plain/pgdata", true},
		"odd":            {base + `/a b'c"d,e\f$g%h/pg data`, true},
		"umlaut":         {base + "/größe/данные", true},
		"shared memory":  {"/dev/shm/embeddedpg-test-names/pgdata", true},
		"not UTF-8":      {base + "/\xff\xfe/pgdata", false},
		"line break":     {base + "/a\nb", false},
		"long":           {base + strings.Repeat("/"+strings.Repeat("d", 200), 5), false},
		"socket's child": {base + "/up/pgdata", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() { os.RemoveAll("/dev/shm/embeddedpg-test-names") })
			cfg := embeddedpg.Config{DataDir: tt.dir, CopyFrom: template, Password: templatePassword}
			if name == "socket's child" {
				cfg.SocketDir = base + "/up"
			}
			s := start(t, cfg)
			c := connect(t, s)
			for setting, file := range map[string]string{
				"data_directory": "", "config_file": "/postgresql.conf", "hba_file": "/pg_hba.conf", "ident_file": "/pg_ident.conf",
			} {
				got := one[string](t, c, "SELECT current_setting($1)", setting)
				if (got == s.DataDir()+file) != tt.same {
					t.Errorf("%s: %q", setting, got)
				}
				if _, err := os.Stat(got); tt.same && err != nil {
					t.Error(err)
				}
				if content := one[string](t, c, "SELECT pg_read_file($1)", one[string](t, c, "SELECT current_setting('data_directory')")+"/PG_VERSION"); content != "18\n" {
					t.Errorf("PG_VERSION: %q", content)
				}
			}
			if got := one[string](t, c, "SHOW unix_socket_directories"); got != s.SocketDir() {
				t.Errorf("unix_socket_directories: %q", got)
			}
			exec(t, c, "SET allow_in_place_tablespaces = on")
			exec(t, c, "CREATE TABLESPACE inside LOCATION ''")
			exec(t, c, "CREATE TABLE t TABLESPACE inside AS SELECT 1 AS a")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			// Moved, the directory has another name for the server too.
			moved := filepath.Join(t.TempDir(), "moved")
			if err := os.Rename(tt.dir, moved); err != nil {
				if !strings.Contains(err.Error(), "cross-device") {
					t.Fatal(err)
				}
				return
			}
			s = start(t, embeddedpg.Config{DataDir: moved, Password: templatePassword})
			c = connect(t, s)
			if got := one[string](t, c, "SHOW data_directory"); got != moved {
				t.Errorf("after a move: %q", got)
			}
			if one[int](t, c, "SELECT a FROM t") != 1 {
				t.Error("the table is gone")
			}
		})
	}
}

// TestHBAFile edits the file that hba_file names.
func TestHBAFile(t *testing.T) {
	dir := newCluster(t)
	s := start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword})
	c := connect(t, s)
	inside := dial(t, s)
	for _, c := range []*pgx.Conn{c, inside} {
		if one[bool](t, c, "SELECT pg_read_file(current_setting('hba_file')) LIKE '%0.0.0.1%' OR EXISTS (SELECT FROM pg_hba_file_rules WHERE address = '0.0.0.1')") {
			t.Error("the rule of the program is shown")
		}
	}
	hba := one[string](t, c, "SHOW hba_file")
	rules, err := os.ReadFile(hba)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		rules string
		in    bool
	}{
		{"local all all reject\n" + string(rules), false},
		{string(rules), true},
		{"this is no rule\n" + string(rules), false},
		{string(rules), true},
	} {
		writeFile(t, hba, step.rules)
		exec(t, inside, "SELECT pg_reload_conf()")
		other, err := pgx.Connect(testContext(t), s.ConnString(""))
		if (err == nil) != step.in {
			t.Errorf("%.30q: %v", step.rules, err)
		}
		if err == nil {
			other.Close(context.Background())
		}
		dial(t, s) // the program is never locked out
	}
}

// TestListenSettings compares what the server says of where it listens with where it can be reached.
func TestListenSettings(t *testing.T) {
	template := newCluster(t)
	for listen, want := range map[string]string{"": "", "127.0.0.1:0": "127.0.0.1", "localhost:0": "127.0.0.1", "0.0.0.0:0": "*"} {
		t.Run(listen, func(t *testing.T) {
			s := start(t, embeddedpg.Config{CopyFrom: template, Password: templatePassword, Listen: listen, Port: 5433})
			c := connect(t, s)
			port := "5433"
			if listen != "" {
				_, port, _ = strings.Cut(strings.TrimPrefix(s.Addr().String(), "[::]"), ":")
				u := fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%s/postgres", strings.ReplaceAll(templatePassword, " ", "%20"), port)
				tcp, err := pgx.Connect(testContext(t), u)
				if err != nil {
					t.Fatal(err)
				}
				defer tcp.Close(context.Background())
			}
			if got := one[string](t, c, "SHOW port"); got != port {
				t.Errorf("port %s, want %s", got, port)
			}
			if got := one[string](t, c, "SHOW listen_addresses"); got != want {
				t.Errorf("listen_addresses %q, want %q", got, want)
			}
			// What dblink finds without a host is this server.
			exec(t, c, "CREATE EXTENSION dblink")
			one[int](t, c, "SELECT n FROM dblink($1, 'SELECT 1') AS d(n int)", "user=postgres dbname=postgres password='"+templatePassword+"'")
		})
	}
}

// textLog keeps what the server logs.
type textLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *textLog) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *textLog) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// waitFor waits until the log has the words.
func (r *textLog) waitFor(t *testing.T, words string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(r.String(), words); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %q in the log:\n%s", words, r)
		}
	}
}

// TestReload has files that disagree with what the program sets: nothing is said of that, then or at a reload.
func TestReload(t *testing.T) {
	dir := newCluster(t)
	conf := filepath.Join(dir, "postgresql.conf")
	appendTo(t, conf, "port = 7777\nlisten_addresses = '*'\nunix_socket_directories = '/var/run/postgresql'\nshared_memory_type = mmap\n"+
		"data_directory = '/var/lib/postgresql/18/main'\nhba_file = '/etc/postgresql/18/main/pg_hba.conf'\nmax_connections = 50\n")
	appendTo(t, filepath.Join(dir, "postgresql.auto.conf"), "shared_buffers = '8MB'\nmax_worker_processes = '3'\n")
	var log textLog
	s := start(t, embeddedpg.Config{
		DataDir: dir, Password: templatePassword, Log: slog.NewTextHandler(&log, nil),
		Settings: map[string]string{"max_connections": "60", "shared_buffers": "16MB", "max_worker_processes": "9"},
	})
	c := connect(t, s)
	appendTo(t, conf, "work_mem = '7MB'\n")
	exec(t, c, "SELECT pg_reload_conf()")
	log.waitFor(t, "work_mem")
	for _, noise := range []string{"without restarting", "contains errors"} {
		if strings.Contains(log.String(), noise) {
			t.Errorf("the log says %q:\n%s", noise, &log)
		}
	}
	for name, want := range map[string]string{"max_connections": "60", "shared_buffers": "16MB", "max_worker_processes": "9"} {
		if got := one[string](t, c, "SELECT current_setting($1)", name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}

	// What another server must know is in the files, last.
	if got := one[string](t, c, "SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_file_settings WHERE name IN ('max_connections', 'max_worker_processes') AND applied"); got != "60 9" {
		t.Errorf("in the files: %s", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword})
	if got := one[string](t, connect(t, s), "SHOW max_connections"); got != "50" {
		t.Errorf("without the program's setting: %s, want the file's", got)
	}
}

// TestAlterSystem wants ALTER SYSTEM to do what it says or to fail.
func TestAlterSystem(t *testing.T) {
	dir := newCluster(t)
	cfg := embeddedpg.Config{DataDir: dir, Password: templatePassword, Settings: map[string]string{"max_connections": "60", "Work-Mem": "5MB"}}
	s := start(t, cfg)
	c := connect(t, s)
	for _, set := range []string{"max_connections = 61", "work_mem = '6MB'", "port = 1", "listen_addresses = '*'", "unix_socket_directories = '/x'"} {
		_, err := c.Exec(testContext(t), "ALTER SYSTEM SET "+set)
		var refusal *pgconn.PgError
		if !errors.As(err, &refusal) || refusal.Code != "42501" {
			t.Errorf("%s: %v", set, err)
		}
	}
	for _, set := range []string{"SET max_connections = 60", "SET maintenance_work_mem = '65MB'", "RESET max_connections", "RESET ALL", "SET max_wal_senders = 3"} {
		exec(t, c, "ALTER SYSTEM "+set)
	}
	exec(t, c, "SELECT pg_reload_conf()")
	s.Close()
	s = start(t, cfg)
	if got := one[string](t, connect(t, s), "SHOW max_wal_senders"); got != "3" {
		t.Errorf("max_wal_senders %s", got)
	}
}

// wide are values that a native server takes, and what becomes of them here.
var wide = map[string][2]string{
	"maintenance_work_mem":      {"4GB", "2097151kB"},
	"work_mem":                  {"'3 GB'", "2097151kB"},
	"autovacuum_work_mem":       {"8388608", "2097151kB"},
	"logical_decoding_work_mem": {"0x400000", "2097151kB"},
	"shared_buffers":            {"4GB", "1GB"},
	"wal_buffers":               {"2000MB", "64MB"},
	"max_stack_depth":           {"'7600kB'", "3584kB"},
	"max_wal_size":              {"3TB", "2097151MB"},
	"min_dynamic_shared_memory": {"3GB", "64MB"},
	"io_method":                 {"io_uring", "worker"},
	"lc_messages":               {"'en_US.UTF-8'", "C"},
}

// TestWideSettings opens a data directory with the settings of a server of 64 bits.
func TestWideSettings(t *testing.T) {
	dir := newCluster(t)
	s := start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword})
	c := connect(t, s)
	for _, q := range []string{
		"CREATE ROLE wide LOGIN PASSWORD 'wide'", "GRANT ALL ON SCHEMA public TO wide",
		// As a native server has left it: here the value is refused.
		"SET allow_system_table_mods = on", "INSERT INTO pg_db_role_setting SELECT 0, oid, '{work_mem=4GB}' FROM pg_roles WHERE rolname = 'wide'",
		"INSERT INTO pg_db_role_setting SELECT oid, 0, '{maintenance_work_mem=8GB}' FROM pg_database WHERE datname = 'postgres'",
	} {
		exec(t, c, q)
	}
	for sql, ceiling := range map[string]string{"SET work_mem = '4GB'": "2097151 kB", "ALTER SYSTEM SET maintenance_work_mem = '4GB'": "2097151 kB", "ALTER ROLE wide SET work_mem = '4GB'": "2097151 kB"} {
		if _, err := c.Exec(testContext(t), sql); err == nil || !strings.Contains(err.Error(), ceiling) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	s.Close()

	names := slices.Sorted(maps.Keys(wide))
	for i, name := range names {
		file := filepath.Join(dir, "postgresql.conf")
		switch i % 3 {
		case 1:
			file = filepath.Join(dir, "postgresql.auto.conf")
		case 2:
			appendTo(t, file, "include 'more.conf'\n")
			file = filepath.Join(dir, "more.conf")
		}
		appendTo(t, file, name+" = "+wide[name][0]+" # as elsewhere\n")
	}
	var log textLog
	s = start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword, Log: slog.NewTextHandler(&log, nil)})
	c = connect(t, s)
	for _, name := range names {
		if got := one[string](t, c, "SELECT current_setting($1)", name); got != wide[name][1] {
			t.Errorf("%s is %s, want %s", name, got, wide[name][1])
		}
		if !strings.Contains(log.String(), name+" = "+strings.Trim(wide[name][0], "'")) {
			t.Errorf("no warning about %s", name)
		}
	}
	exec(t, c, "SELECT pg_reload_conf()")
	other, err := pgx.Connect(testContext(t), strings.Replace(s.ConnString(""), "postgres:"+strings.ReplaceAll(templatePassword, " ", "%20"), "wide:wide", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	exec(t, other, "CREATE TABLE t AS SELECT g FROM generate_series(1, 1000) g ORDER BY random()")
	s.Close()
	if strings.Contains(log.String(), "contains errors") {
		t.Error(log.String())
	}

	for name, values := range wide {
		refused(t, embeddedpg.Config{DataDir: dir, Settings: map[string]string{name: strings.Trim(values[0], "'")}}, name, values[1])
	}
}

// TestTimeZoneDir takes the zones from a directory of the host.
func TestTimeZoneDir(t *testing.T) {
	if _, err := os.Stat("/usr/share/zoneinfo/UTC"); err != nil {
		t.Skip("this machine has no zone files in /usr/share/zoneinfo:", err)
	}
	dir := t.TempDir()
	for from, to := range map[string]string{"UTC": "UTC", "Asia/Tokyo": "Middle"} {
		b, err := os.ReadFile("/usr/share/zoneinfo/" + from)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, to), string(b))
	}
	s := start(t, embeddedpg.Config{TimeZoneDir: dir})
	c := dial(t, s)
	if got := one[string](t, c, "SELECT ('2026-01-01 00:00+00'::timestamptz AT TIME ZONE 'Middle')::text"); got != "2026-01-01 09:00:00" {
		t.Error(got)
	}
	if got := one[int](t, c, "SELECT count(*)::int FROM pg_timezone_names"); got != 2 {
		t.Errorf("%d zones", got)
	}
	refused(t, embeddedpg.Config{TimeZoneDir: filepath.Join(dir, "none")}, "/usr/share/zoneinfo")
	refused(t, embeddedpg.Config{TimeZoneDir: t.TempDir()}, "/usr/share/zoneinfo")
}

// TestNoFilesOfSettings opens a cluster as Debian makes them, whose files of settings are elsewhere.
func TestNoFilesOfSettings(t *testing.T) {
	dir := newCluster(t)
	for _, name := range []string{"postgresql.conf", "pg_hba.conf", "pg_ident.conf"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword})
	c := connect(t, s)
	for _, name := range []string{"config_file", "hba_file", "ident_file"} {
		if _, err := os.Stat(one[string](t, c, "SELECT current_setting($1)", name)); err != nil {
			t.Error(err)
		}
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	writeFile(t, path, string(b)+text)
}
