package backup

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
)

// TestBaseOursToNative has the native server start a base backup of ours.
func TestBaseOursToNative(t *testing.T) {
	p := newPlace(t)
	s := p.ours(t, embeddedpg.Config{})
	fill(t, s.ConnString(""), int64(size))
	want := sums(t, s.ConnString(""))
	b, err := s.BaseBackup(context.Background(), embeddedpg.BackupOptions{Dir: p.path("backups"), Format: embeddedpg.BackupBasePlain})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(b.Path, p.path("data")); err != nil {
		t.Fatal(err)
	}
	own(t, p.path("data"), nobody)
	p.run(t, nil, "pg_verifybackup", p.inside(p.path("data")))
	n := p.startNative(t, p.path("data"))
	same(t, "native, from our base backup", sums(t, n.conn("postgres")), want)
}

// TestBaseNativeToOurs has our server start base backups of the native one: of its own pg_basebackup, and of ours.
func TestBaseNativeToOurs(t *testing.T) {
	p := newPlace(t)
	p.initNative(t, p.path("native"))
	n := p.startNative(t, p.path("native"))
	fill(t, n.conn("postgres"), int64(size))
	want := sums(t, n.conn("postgres"))
	p.run(t, n.env(), "pg_basebackup", "-D", p.inside(p.path("theirs")), "-c", "fast")
	program(t, map[string]string{"PGHOST": "127.0.0.1", "PGPORT": fmt.Sprint(n.port), "PGUSER": "postgres", "PGPASSWORD": password},
		"pg_basebackup", "-D", p.path("mine"), "-c", "fast", "-X", "fetch")
	for _, name := range []string{"theirs", "mine"} {
		s := p.ours(t, embeddedpg.Config{DataDir: p.path(name)})
		same(t, "ours, from a native base backup by "+name, sums(t, s.ConnString("")), want)
	}
}

// caughtUp waits until a standby has replayed what its primary has written, and promotes it.
func caughtUp(t *testing.T, primary, standby string) {
	t.Helper()
	ctx := context.Background()
	p, s := connect(t, primary), connect(t, standby)
	defer p.Close(ctx)
	defer s.Close(ctx)
	var lsn string
	if err := p.QueryRow(ctx, "SELECT pg_current_wal_flush_lsn()::text").Scan(&lsn); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		var recovers, there bool
		if err := s.QueryRow(ctx, "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= $1::text::pg_lsn", lsn).Scan(&recovers, &there); err != nil {
			t.Fatal(err)
		}
		if !recovers {
			t.Fatal("the standby is none")
		}
		if there {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the standby does not catch up")
		}
	}
	var promoted bool
	if err := s.QueryRow(ctx, "SELECT pg_promote()").Scan(&promoted); err != nil || !promoted {
		t.Fatal("not promoted:", err)
	}
}

// streams waits until a standby is attached to a primary.
func streams(t *testing.T, primary string) {
	t.Helper()
	ctx := context.Background()
	c := connect(t, primary)
	defer c.Close(ctx)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		var n int
		if err := c.QueryRow(ctx, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no standby streams")
		}
	}
}

// writes checks that a promoted standby takes writes, and that its indexes are whole.
func writes(t *testing.T, conn string) {
	t.Helper()
	ctx := context.Background()
	c := connect(t, conn)
	defer c.Close(ctx)
	for _, sql := range []string{
		"CREATE EXTENSION IF NOT EXISTS amcheck", "INSERT INTO marks VALUES ('promoted')",
		`SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relpersistence = 'p'`,
	} {
		if _, err := c.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Errorf("%v in %s", err, sql)
		}
	}
}

// whileLoaded lets the load go on for a while with the standby attached.
const whileLoaded = 2 * time.Second

// TestNativeStandbyOfOurs streams from our primary to a native standby under load.
func TestNativeStandbyOfOurs(t *testing.T) {
	p := newPlace(t)
	s := p.ours(t, embeddedpg.Config{Listen: "127.0.0.1:0"})
	setUpLoad(t, s.ConnString(""))
	l := startLoad(t, s.ConnString(""))
	_, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p.run(t, []string{"PGHOST=127.0.0.1", "PGPORT=" + port}, "pg_basebackup", "-D", p.inside(p.path("standby")), "-R", "-X", "stream", "-c", "fast")
	n := p.startNative(t, p.path("standby"))
	streams(t, s.ConnString(""))
	time.Sleep(whileLoaded)
	t.Log(l.stop(), "transactions")
	caughtUp(t, s.ConnString(""), n.conn("postgres"))
	consistent(t, "native standby", n.conn("postgres"))
	same(t, "native standby", sums(t, n.conn("postgres")), sums(t, s.ConnString("")))
	writes(t, n.conn("postgres"))
}

// TestOurStandbyOfNative streams from a native primary to our standby under load.
func TestOurStandbyOfNative(t *testing.T) {
	p := newPlace(t)
	p.initNative(t, p.path("native"))
	n := p.startNative(t, p.path("native"))
	setUpLoad(t, n.conn("postgres"))
	l := startLoad(t, n.conn("postgres"))
	program(t, map[string]string{"PGHOST": "127.0.0.1", "PGPORT": fmt.Sprint(n.port), "PGUSER": "postgres", "PGPASSWORD": password},
		"pg_basebackup", "-D", p.path("standby"), "-c", "fast", "-X", "fetch")
	if err := os.WriteFile(filepath.Join(p.path("standby"), "standby.signal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := p.ours(t, embeddedpg.Config{DataDir: p.path("standby"), Settings: map[string]string{
		"primary_conninfo": fmt.Sprintf("host=127.0.0.1 port=%d user=postgres password=%s sslmode=disable", n.port, password),
	}})
	streams(t, n.conn("postgres"))
	time.Sleep(whileLoaded)
	t.Log(l.stop(), "transactions")
	caughtUp(t, n.conn("postgres"), s.ConnString(""))
	consistent(t, "our standby", s.ConnString(""))
	same(t, "our standby", sums(t, s.ConnString("")), sums(t, n.conn("postgres")))
	writes(t, s.ConnString(""))
}
