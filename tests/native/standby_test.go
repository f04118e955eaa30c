package native

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
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
		standby := filepath.Join(p.dir, "standby")
		if err := os.Mkdir(standby, 0o700); err != nil {
			t.Fatal(err)
		}
		os.Chown(standby, nobody, nobody)
		_, port, _ := net.SplitHostPort(s.Addr().String())
		backup := p.native("pg_basebackup", "-D", p.inside(standby), "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-R", "--checkpoint=fast")
		backup.Env = append(backup.Env, "PGPASSWORD="+password)
		if out, err := backup.CombinedOutput(); err != nil {
			t.Fatalf("pg_basebackup: %v\n%s", err, out)
		}
		if hba, _ := os.ReadFile(filepath.Join(standby, "pg_hba.conf")); len(hba) == 0 || strings.Contains(string(hba), "0.0.0.1") {
			t.Errorf("the base backup's pg_hba.conf has the rule that lets the program in, or is empty:\n%s", hba)
		}
		sockets := filepath.Join(p.dir, "standby-socket")
		os.Mkdir(sockets, 0o700)
		os.Chown(sockets, nobody, nobody)
		native := p.native("postgres", "-D", p.inside(standby), "-c", "listen_addresses=", "-c", "unix_socket_directories="+p.inside(sockets))
		var log bytes.Buffer
		native.Stdout, native.Stderr = &log, &log
		if err := native.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- native.Wait() }()
		stop := func() {
			native.Process.Signal(syscall.SIGINT)
			<-ended
		}
		execute(c, "CREATE TABLE after AS SELECT 2 AS a")
		var seen int
		var err error
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			select {
			case err := <-ended:
				t.Fatalf("the standby ended: %v\n%s", err, log.Bytes())
			default:
			}
			var reader *pgx.Conn
			if reader, err = connect(sockets); err == nil {
				err = reader.QueryRow(ctx, "SELECT a FROM after WHERE pg_is_in_recovery()").Scan(&seen)
				reader.Close(ctx)
			}
			if err == nil || time.Now().After(deadline) {
				break
			}
		}
		stop()
		if err != nil || seen != 2 {
			t.Fatalf("the standby: %v\n%s", err, log.Bytes())
		}
	})
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
