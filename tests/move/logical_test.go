package move_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/backup"
)

// node is a server of either kind.
type node interface {
	address() string // of its database postgres, over TCP
	crash()          // and start again
}

func (n *native) address() string { return n.url("postgres") }

func (n *native) crash() {
	n.stop(syscall.SIGQUIT)
	n.start()
}

// ours is a server of this project.
type ours struct {
	t      *testing.T
	cfg    embeddedpg.Config
	server *embeddedpg.Server
}

func newOurs(t *testing.T) *ours {
	o := &ours{t: t, cfg: embeddedpg.Config{
		DataDir: filepath.Join(t.TempDir(), "data"), Listen: fmt.Sprintf("127.0.0.1:%d", freePort(t)), Password: "logical-test-only",
		Settings: map[string]string{"wal_level": "logical"}, ChildProcess: true,
	}}
	o.start()
	t.Cleanup(func() { o.server.Close() })
	return o
}

func (o *ours) start() {
	o.t.Helper()
	var err error
	if o.server, err = embeddedpg.Start(context.Background(), o.cfg); err != nil {
		o.t.Fatal(err)
	}
}

func (o *ours) address() string {
	return fmt.Sprintf("postgresql://postgres:%s@%s/postgres?sslmode=disable", o.cfg.Password, o.cfg.Listen)
}

func (o *ours) crash() {
	o.t.Helper()
	killServer(o.t, o.cfg.DataDir)
	_ = o.server.Wait() // it says that it was killed
	_ = o.server.Close()
	o.start()
}

// killServer kills the process of a server that has one of its own.
func killServer(t *testing.T, dataDir string) {
	t.Helper()
	pid := 0
	b, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid"))
	if _, scanErr := fmt.Sscanf(string(b), "%d", &pid); err != nil || scanErr != nil || pid <= 1 || pid == os.Getpid() {
		t.Fatalf("the process of the server is %d: %v, %v", pid, err, scanErr)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// TestLogicalReplication has publications and subscriptions between servers of both kinds. Each side crashes while the other
// goes on, and the slot survives.
func TestLogicalReplication(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to func(*testing.T) node
	}{
		{"ours to native", func(t *testing.T) node { return newOurs(t) }, func(t *testing.T) node { return newNative(t) }},
		{"native to ours", func(t *testing.T) node { return newNative(t) }, func(t *testing.T) node { return newOurs(t) }},
		{"ours to ours", func(t *testing.T) node { return newOurs(t) }, func(t *testing.T) node { return newOurs(t) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from, to := tt.from(t), tt.to(t)
			const tables = "CREATE TABLE item (id int PRIMARY KEY, v text); CREATE TABLE wide (id int PRIMARY KEY, v text, j jsonb, at timestamptz)"
			execute(t, from, tables, "INSERT INTO item SELECT g, 'copied' FROM generate_series(1, 1000) g", "CREATE PUBLICATION p FOR ALL TABLES")
			execute(t, to, tables, fmt.Sprintf("CREATE SUBSCRIPTION s CONNECTION '%s' PUBLICATION p", from.address()))
			steps := []func(){func() {}, from.crash, func() {}, to.crash}
			for i, step := range steps {
				execute(t, from, fmt.Sprintf("INSERT INTO wide SELECT g, repeat(md5(g::text), 100), '{}', now() FROM generate_series(%d, %d) g", i*1000+1, i*1000+900),
					fmt.Sprintf("UPDATE item SET v = v || %d WHERE id %% 4 = %d", i, i), fmt.Sprintf("DELETE FROM wide WHERE id %% 10 = %d", i))
				step()
				execute(t, from, fmt.Sprintf("INSERT INTO item VALUES (%d, 'after')", 10000+i), fmt.Sprintf("INSERT INTO wide VALUES (%d)", 10000+i))
			}
			for _, table := range []string{"item", "wide"} { // each is copied for itself, and follows by itself until then
				await(t, to, "SELECT count(*) = 4 FROM "+table+" WHERE id >= 10000")
			}
			equal(t, from, to)
			execute(t, to, "DROP SUBSCRIPTION s") // and with it the slot
			if n := slots(t, from); n != 0 {
				t.Errorf("%d slots are left", n)
			}
		})
	}
}

func execute(t *testing.T, at node, statements ...string) {
	t.Helper()
	conn := connect(t, at.address())
	defer conn.Close(context.Background())
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%v in %.200s", err, sql)
		}
	}
}

// await waits until a query's answer is true.
func await(t *testing.T, at node, sql string) {
	t.Helper()
	conn := connect(t, at.address())
	defer conn.Close(context.Background())
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var ok bool
		if err := conn.QueryRow(t.Context(), sql).Scan(&ok); err != nil {
			t.Fatal(err)
		}
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it does not come true: %s", sql)
		}
	}
}

func slots(t *testing.T, at node) (n int) {
	t.Helper()
	conn := connect(t, at.address())
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_replication_slots").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// at is a database by its URL.
type at string

func (a at) address() string { return string(a) }

// equal compares the rows of all tables.
func equal(t *testing.T, from, to interface{ address() string }) {
	t.Helper()
	sums := func(at interface{ address() string }) []backup.Table {
		c, err := pgx.ParseConfig(at.address())
		if err != nil {
			t.Fatal(err)
		}
		c.RuntimeParams = backup.AsText
		conn, err := pgx.ConnectConfig(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		all, err := backup.Sums(t.Context(), conn.PgConn())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	want := sums(from)
	if bad := backup.Differences(want, sums(to)); bad != nil || len(want) == 0 {
		t.Errorf("%d tables: %v", len(want), bad)
	}
}
