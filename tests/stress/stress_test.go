// Package stress keeps one server busy with everything at once, for as long as asked, and then looks for what
// should not be there: rows that do not add up, damaged pages, files that belong to nothing, and growth.
package stress

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
)

var (
	duration = flag.Duration("duration", 6*time.Second, "how long TestStress loads the server, of which a fifth is to warm up")
	clients  = flag.Int("clients", 12, "how many sessions TestStress loads the server with")
	seed     = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the random choices")
)

const (
	limit    = 2 * time.Minute // of every wait but the load itself
	accounts = 20_000
	tellers  = 50
	branches = 10
)

const schema = `
	CREATE EXTENSION amcheck;
	CREATE TABLE branches (id int PRIMARY KEY, balance bigint NOT NULL DEFAULT 0) WITH (fillfactor = 30);
	CREATE TABLE tellers (id int PRIMARY KEY, balance bigint NOT NULL DEFAULT 0) WITH (fillfactor = 30);
	CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL DEFAULT 0, filler text);
	CREATE TABLE history (client int, seq bigint, delta bigint NOT NULL, note text, at timestamptz DEFAULT now(), PRIMARY KEY (client, seq));
	CREATE TABLE archive (rows bigint NOT NULL, delta bigint NOT NULL);
	CREATE INDEX ON accounts (balance);
	CREATE INDEX ON history (at);
	INSERT INTO branches SELECT g FROM generate_series(1, %d) g;
	INSERT INTO tellers SELECT g FROM generate_series(1, %d) g;
	INSERT INTO accounts SELECT g, 0, repeat('x', 60) FROM generate_series(1, %d) g;
	INSERT INTO archive VALUES (0, 0);
	ALTER TABLE accounts SET (parallel_workers = 2);
	ANALYZE;`

// TestStress loads a server in two parts, after each of which no session is left. What the process holds after the
// second must be what it held after the first.
func TestStress(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a stressed server takes every processor for seconds")
	}
	span := *duration
	t.Logf("seed %d, %d clients, %v", *seed, *clients, span)
	log := &serious{}
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "pgdata")
	start, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s, err := embeddedpg.Start(start, embeddedpg.Config{DataDir: dir, Password: "stress-test-only", Log: log, Settings: map[string]string{
		"max_connections": fmt.Sprint(*clients + 20), "shared_buffers": "32MB", "max_wal_size": "256MB", "checkpoint_timeout": "30s",
		"autovacuum_naptime": "1s", "autovacuum_vacuum_cost_delay": "0", "max_worker_processes": "16", "max_parallel_workers": "8",
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	admin := connect(t, s)
	if _, err := admin.Exec(ctx, fmt.Sprintf(schema, branches, tellers, accounts)); err != nil {
		t.Fatal(err)
	}
	admin.Close(ctx)

	l := newLoad(s, *clients, *seed)
	quiet := func(part string, d time.Duration) held {
		begin := time.Now()
		if err := l.run(d); err != nil {
			t.Fatalf("%s: %v\n%s", part, err, log.text())
		}
		t.Logf("%s, %v: %s", part, time.Since(begin).Round(time.Second), l.takeCounts())
		check(t, s, l)
		h := settled(t, s, dir)
		t.Logf("%s: %v", part, h)
		if text := log.text(); text != "" {
			t.Errorf("%s: the server's log has\n%s", part, text)
		}
		if t.Failed() {
			t.FailNow()
		}
		return h
	}
	before := quiet("warm-up", span/5)
	after := quiet("load", span-span/5)
	after.compare(t, before)
}

func connect(t testing.TB, s *embeddedpg.Server) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := pgx.Connect(ctx, s.ConnString(""))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// check looks at what the load has left. No session but its own is there.
func check(t *testing.T, s *embeddedpg.Server, l *load) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	c := connect(t, s)
	defer c.Close(ctx)
	var account, teller, branch, history, archived int64
	if err := c.QueryRow(ctx, `SELECT (SELECT sum(balance) FROM accounts)::bigint, (SELECT sum(balance) FROM tellers)::bigint,
		(SELECT sum(balance) FROM branches)::bigint, (SELECT coalesce(sum(delta), 0) FROM history)::bigint, (SELECT delta FROM archive)`,
	).Scan(&account, &teller, &branch, &history, &archived); err != nil {
		t.Fatal(err)
	}
	if account != branch || teller != branch || history+archived != branch {
		t.Errorf("sums differ: accounts %d, tellers %d, branches %d, history %d", account, teller, branch, history+archived)
	}
	var rows int64
	if err := c.QueryRow(ctx, "SELECT (SELECT count(*) FROM history) + (SELECT rows FROM archive)").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	if acked, unknown := l.transactions(); rows < acked || rows > acked+unknown {
		t.Errorf("%d transactions are there, %d were acknowledged, of %d the end is not known", rows, acked, unknown)
	}
	if _, err := c.Exec(ctx, `SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
		WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relpersistence = 'p'`); err != nil {
		t.Errorf("amcheck: %v", err)
	}
	list := func(what, sql string) {
		t.Helper()
		got, err := c.Query(ctx, sql)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		if found, err := pgx.CollectRows(got, pgx.RowTo[string]); err != nil || len(found) > 0 {
			t.Errorf("%s: %q, %v", what, found, err)
		}
	}
	list("verify_heapam", `SELECT c.relname || ': ' || v.msg FROM pg_class c, verify_heapam(c.oid) v
		WHERE c.relkind IN ('r', 't', 'm') AND c.relpersistence = 'p'`)
	list("failed checksums", "SELECT datname FROM pg_stat_database WHERE checksum_failures > 0")
	list("locks without a session", "SELECT l::text FROM pg_locks l WHERE pid <> pg_backend_pid() AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = l.pid)")
	list("schemas of temporary tables that are not empty", `SELECT relname FROM pg_class WHERE relpersistence = 't'`)
	// What the clients had at the moment they were stopped, which would be counted else. A checkpoint removes the
	// files of dropped tables.
	if _, err := c.Exec(ctx, `DO $$ DECLARE t regclass; BEGIN
		FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relname ~ '^(own|large)_' LOOP
			EXECUTE 'DROP TABLE ' || t;
		END LOOP; END $$`); err != nil {
		t.Error(err)
	}
	if _, err := c.Exec(ctx, "CHECKPOINT"); err != nil {
		t.Error(err)
	}
	list("files of no table", `SELECT f FROM pg_database d, pg_ls_dir('base/' || d.oid) f WHERE d.datname = current_database() AND f ~ '^t?[0-9]'
		AND NOT EXISTS (SELECT FROM pg_class c WHERE pg_relation_filenode(c.oid)::text = regexp_replace(regexp_replace(f, '^t[0-9]+_', ''), '[_.].*', ''))`)
	list("temporary files", "SELECT pg_ls_dir('base/pgsql_tmp', true, false)")
}

// files counts the files below dir, and their bytes.
func files(t testing.TB, dir string) (n int, bytes int64) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // removed just now
		}
		if err != nil || d.IsDir() {
			return err
		}
		n++
		if info, err := d.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n, bytes
}
