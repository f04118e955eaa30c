// Package native moves data directories between this project's server and native PostgreSQL 18: the files are
// the same, so each must open what the other has written.
package native

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io/fs"
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

//go:embed testdata/fill.sql
var fillSQL string

//go:embed testdata/queries.sql
var queries string

const (
	bin      = "/usr/lib/postgresql/18/bin/"
	nobody   = 65534
	password = "native-test-only"
)

// debianRoot returns the root directory with the native server in it.
func debianRoot(t *testing.T) string {
	t.Helper()
	root := os.Getenv("EMBEDDEDPG_DEBIAN_ROOT")
	if root == "" {
		t.Skip("needs native PostgreSQL 18 in a Debian root: `make check-native` makes one and sets EMBEDDEDPG_DEBIAN_ROOT")
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to change into the Debian root")
	}
	return filepath.Clean(root)
}

// place is a directory that both servers reach, the native one under another name.
type place struct {
	root string // of Debian
	dir  string // as the host sees it
}

func newPlace(t *testing.T) place {
	root := debianRoot(t)
	dir, err := os.MkdirTemp(filepath.Join(root, "tmp"), "native-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return place{root, dir}
}

func (p place) data() string              { return filepath.Join(p.dir, "pgdata") }
func (p place) inside(path string) string { return strings.TrimPrefix(path, p.root) }

// own gives the data directory to a user.
func (p place) own(t *testing.T, uid int) {
	t.Helper()
	err := filepath.WalkDir(p.data(), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (p place) native(program string, args ...string) *exec.Cmd {
	cmd := exec.Command("chroot", append([]string{fmt.Sprintf("--userspec=%d:%d", nobody, nobody), p.root, bin + program}, args...)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	return cmd
}

// withNative runs f with a connection to the native server on the data directory, and stops it cleanly.
func (p place) withNative(t *testing.T, f func(*pgx.Conn)) {
	t.Helper()
	p.own(t, nobody)
	sockets := filepath.Join(p.dir, "n")
	os.Mkdir(sockets, 0o777)
	os.Chmod(sockets, 0o777)
	server := p.native("postgres", "-D", p.inside(p.data()), "-c", "listen_addresses=", "-c", "unix_socket_directories="+p.inside(sockets))
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		server.Process.Signal(syscall.SIGINT)
		if err := server.Wait(); err != nil {
			t.Errorf("native server ended with %v:\n%s", err, log.Bytes())
		}
	}()
	var conn *pgx.Conn
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		var err error
		if conn, err = connect(sockets); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("native server: %v\n%s", err, log.Bytes())
		}
	}
	defer conn.Close(context.Background())
	f(conn)
}

// withOurs does the same with our server.
func (p place) withOurs(t *testing.T, f func(*pgx.Conn)) {
	t.Helper()
	ctx := context.Background()
	if _, err := os.Stat(p.data()); err == nil {
		p.own(t, os.Getuid())
	}
	sockets := filepath.Join(p.dir, "o")
	s, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: p.data(), SocketDir: sockets, Port: 5432, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	conn, err := connect(sockets)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	f(conn)
}

func connect(sockets string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return pgx.Connect(ctx, fmt.Sprintf("host=%s port=5432 user=postgres password=%s dbname=postgres sslmode=disable", sockets, password))
}

// fill makes the objects of testdata/fill.sql, statement by statement.
func fill(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, statement := range strings.SplitAfter(fillSQL, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := conn.Exec(context.Background(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%v in\n%s", err, statement)
		}
	}
}

// answers runs every query twice, with index scans favoured and without, and returns the answers as text.
func answers(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	ctx := context.Background()
	var all []string
	for _, scan := range []string{"off", "on"} {
		for _, set := range []string{"enable_seqscan = " + scan, "timezone = 'UTC'", "datestyle = 'ISO'", "max_parallel_workers_per_gather = 0"} {
			if _, err := conn.Exec(ctx, "SET "+set); err != nil {
				t.Fatal(err)
			}
		}
		for query := range strings.Lines(queries) {
			results, err := conn.PgConn().Exec(ctx, query).ReadAll()
			if err != nil {
				t.Fatalf("%v in %s", err, query)
			}
			all = append(all, fmt.Sprintf("%s%s", query, bytes.Join(flatten(results[0].Rows), []byte("\t"))))
		}
	}
	return all
}

func flatten(rows [][][]byte) [][]byte {
	var all [][]byte
	for _, r := range rows {
		all = append(all, r...)
	}
	return all
}

// verify has amcheck look at every heap and index.
func verify(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	ctx := context.Background()
	var indexes int
	err := conn.QueryRow(ctx, `SELECT count(bt_index_check(c.oid, true)::text) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
		WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relpersistence = 'p'`).Scan(&indexes)
	if err != nil || indexes < 100 {
		t.Errorf("bt_index_check of %d indexes: %v", indexes, err)
	}
	if _, err := conn.Exec(ctx, `SELECT gin_index_check(c.oid) FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.relkind = 'i' AND a.amname = 'gin'`); err != nil {
		t.Errorf("gin_index_check: %v", err)
	}
	rows, err := conn.Query(ctx, `SELECT c.relname, v.msg FROM pg_class c, verify_heapam(c.oid) v WHERE c.relkind IN ('r', 't', 'm') AND c.relpersistence = 'p'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, msg string
		rows.Scan(&name, &msg)
		t.Errorf("verify_heapam: %s: %s", name, msg)
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
}

func same(t *testing.T, who string, got, want []string) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s answers\n%s\nwant\n%s", who, got[i], want[i])
		}
	}
}

// change writes to the database as name.
func change(t *testing.T, conn *pgx.Conn, name string) {
	t.Helper()
	for _, q := range []string{
		"CREATE TABLE by_" + name + " AS SELECT g, md5(g::text) FROM generate_series(1, 1000) g",
		"CREATE INDEX ON by_" + name + " (md5)",
		"UPDATE everything SET t = t || '" + name + "', jb = jb || '{\"by\": \"" + name + "\"}' WHERE id % 7 = 0",
		"DELETE FROM many WHERE id % 11 = 0",
		"INSERT INTO parts SELECT g, 'again' FROM generate_series(0, 9) g ON CONFLICT (k) DO UPDATE SET v = excluded.v",
		"SELECT nextval('numbers')",
		"VACUUM (FREEZE, ANALYZE) everything",
		"REINDEX INDEX e_gin_trg",
	} {
		if _, err := conn.Exec(context.Background(), q); err != nil {
			t.Fatalf("%v in %s", err, q)
		}
	}
}

// TestOursToNativeAndBack fills a cluster of ours, has the native server check, query and change it, and opens it
// again.
func TestOursToNativeAndBack(t *testing.T) {
	p := newPlace(t)
	var want []string
	p.withOurs(t, func(c *pgx.Conn) {
		fill(t, c)
		want = answers(t, c)
	})
	p.roundTrip(t, want)
}

// TestNativeToOursAndBack starts from a cluster that the native initdb made.
func TestNativeToOursAndBack(t *testing.T) {
	p := newPlace(t)
	p.initdb(t, "--locale=C.UTF-8")
	var want []string
	p.withNative(t, func(c *pgx.Conn) {
		fill(t, c)
		want = answers(t, c)
	})
	p.withOurs(t, func(c *pgx.Conn) {
		verify(t, c)
		same(t, "ours", answers(t, c), want)
	})
	p.roundTrip(t, want)
}

// roundTrip has both servers change the cluster in turn, and each check what the other has done.
func (p place) roundTrip(t *testing.T, want []string) {
	p.withNative(t, func(c *pgx.Conn) {
		verify(t, c)
		same(t, "native", answers(t, c), want)
		change(t, c, "native")
		want = answers(t, c)
	})
	p.withOurs(t, func(c *pgx.Conn) {
		verify(t, c)
		same(t, "ours", answers(t, c), want)
		change(t, c, "ours")
		want = answers(t, c)
	})
	p.withNative(t, func(c *pgx.Conn) {
		verify(t, c)
		same(t, "native", answers(t, c), want)
	})
}
