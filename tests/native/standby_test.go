package native

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
)

// TestNativeStandby has a native server follow ours, whose settings a standby must know. They come from the program
// that runs ours, and an earlier run of it has set one of them by ALTER SYSTEM.
func TestNativeStandby(t *testing.T) {
	p := newPlace(t)
	ctx := context.Background()
	cfg := embeddedpg.Config{DataDir: p.data(), SocketDir: filepath.Join(p.dir, "o"), Port: 5432, Password: password, Listen: "127.0.0.1:0"}
	run := func(f func(*embeddedpg.Server, *pgx.Conn)) {
		t.Helper()
		s, err := embeddedpg.Start(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		conn, err := connect(cfg.SocketDir)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		f(s, conn)
	}
	execute := func(c *pgx.Conn, sql string) {
		t.Helper()
		if _, err := c.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	run(func(_ *embeddedpg.Server, c *pgx.Conn) { execute(c, "ALTER SYSTEM SET max_connections = 20") })
	cfg.Settings = map[string]string{
		"max_connections": "150", "max_worker_processes": "12", "max_prepared_transactions": "5",
		"max_locks_per_transaction": "100", "max_wal_senders": "20", "wal_level": "logical",
	}
	run(func(s *embeddedpg.Server, c *pgx.Conn) {
		execute(c, "CREATE TABLE before AS SELECT 1 AS a")
		follower := startStandby(t, p, s.Addr())
		execute(c, "CREATE TABLE after AS SELECT 2 AS a")
		seen, err := follower.await(t, "SELECT a FROM after WHERE pg_is_in_recovery()")
		follower.stop()
		if err != nil || seen != 2 {
			t.Fatalf("the standby: %v\n%s", err, follower.log.Bytes())
		}
	})
}

// standby is a native server that follows ours.
type standby struct {
	sockets string
	process *exec.Cmd
	log     bytes.Buffer
	ended   chan error
}

// startStandby makes a base backup of our server with the native pg_basebackup, and starts a native server on it.
func startStandby(t *testing.T, p place, of net.Addr) *standby {
	t.Helper()
	data := filepath.Join(p.dir, "standby")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	os.Chown(data, nobody, nobody)
	_, port, _ := net.SplitHostPort(of.String())
	backup := p.native("pg_basebackup", "-D", p.inside(data), "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-R", "--checkpoint=fast")
	backup.Env = append(backup.Env, "PGPASSWORD="+password)
	if out, err := backup.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	if hba, _ := os.ReadFile(filepath.Join(data, "pg_hba.conf")); len(hba) == 0 || strings.Contains(string(hba), "0.0.0.1") {
		t.Errorf("the base backup's pg_hba.conf has the rule that lets the program in, or is empty:\n%s", hba)
	}
	s := &standby{sockets: filepath.Join(p.dir, "standby-socket"), ended: make(chan error, 1)}
	os.Mkdir(s.sockets, 0o700)
	os.Chown(s.sockets, nobody, nobody)
	s.process = p.native("postgres", "-D", p.inside(data), "-c", "listen_addresses=", "-c", "unix_socket_directories="+p.inside(s.sockets))
	s.process.Stdout, s.process.Stderr = &s.log, &s.log
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.process.Wait() }()
	return s
}

// await waits until the standby answers a query with a row.
func (s *standby) await(t *testing.T, sql string) (seen int, err error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		select {
		case err := <-s.ended:
			t.Fatalf("the standby ended: %v\n%s", err, s.log.Bytes())
		default:
		}
		var reader *pgx.Conn
		if reader, err = connect(s.sockets); err == nil {
			err = reader.QueryRow(t.Context(), sql).Scan(&seen)
			reader.Close(t.Context())
		}
		if err == nil || time.Now().After(deadline) {
			return seen, err
		}
	}
}

func (s *standby) stop() {
	s.process.Process.Signal(syscall.SIGINT)
	<-s.ended
}

// TestNativeValues opens a data directory whose files have every value that a native server takes and ours does not:
// the highest of each number, and the alternatives that are not built in.
func TestNativeValues(t *testing.T) {
	p := newPlace(t)
	const query = "SELECT name, vartype, max_val, enumvals FROM pg_settings WHERE context <> 'internal' AND vartype IN ('integer', 'enum')"
	type row struct {
		vartype  string
		max      *string
		enumvals []string
	}
	read := func(c *pgx.Conn) map[string]row {
		rows, err := c.Query(context.Background(), query)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]row{}
		var name string
		var r row
		if _, err := pgx.ForEachRow(rows, []any{&name, &r.vartype, &r.max, &r.enumvals}, func() error {
			all[name] = r
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	var ours, native map[string]row
	p.withOurs(t, func(c *pgx.Conn) { ours = read(c) })
	p.withNative(t, func(c *pgx.Conn) { native = read(c) })
	var conf strings.Builder
	for name, n := range native {
		o, ok := ours[name]
		switch {
		case !ok:
		case n.vartype == "integer" && *n.max != *o.max:
			fmt.Fprintf(&conf, "%s = %s\n", name, *n.max)
		case n.vartype == "enum":
			has := fmt.Sprint(o.enumvals)
			for _, v := range n.enumvals {
				if !strings.Contains(has, v) {
					fmt.Fprintf(&conf, "%s = %s\n", name, v)
				}
			}
		}
	}
	fmt.Fprintf(&conf, "shared_buffers = 64GB\nmax_stack_depth = '7600kB'\n")
	if strings.Count(conf.String(), "\n") < 10 {
		t.Fatalf("few values differ:\n%s", &conf)
	}
	t.Log(conf.String())
	f, err := os.OpenFile(filepath.Join(p.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(conf.String())
	f.Close()
	p.withOurs(t, func(c *pgx.Conn) {
		var got string
		if err := c.QueryRow(context.Background(), "SHOW work_mem").Scan(&got); err != nil || got != "2097151kB" {
			t.Error(got, err)
		}
	})
}
