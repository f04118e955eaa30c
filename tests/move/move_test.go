// Package move_test moves databases from our server to native PostgreSQL 18, under load and under kills.
package move_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
)

// schemaFiles make the database that is moved.
var schemaFiles = []string{"../native/testdata/fill.sql", "testdata/more.sql"}

func fill(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, file := range schemaFiles {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if file == schemaFiles[0] {
			text = strings.NewReplacer("generate_series(1, 20000)", "generate_series(1, 1000)", "generate_series(1, 100000)", "generate_series(1, 10000)").Replace(text)
		}
		for _, statement := range strings.SplitAfter(text, ";\n") {
			if file == schemaFiles[1] {
				statement = text // it has functions, and no VACUUM
			}
			if _, err := conn.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatalf("%v in\n%.500s", err, statement)
			}
			if file == schemaFiles[1] {
				break
			}
		}
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// TestMoveUnderLoad moves a database with everything in it while clients write.
func TestMoveUnderLoad(t *testing.T) {
	target := newNative(t)
	ctx := t.Context()
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{Settings: map[string]string{"wal_level": "logical"}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	source := connect(t, server.ConnString(""))
	fill(t, source)
	if _, err := connect(t, target.url("postgres")).Exec(ctx, "CREATE DATABASE app"); err != nil {
		t.Fatal(err)
	}
	clients := startLoad(t, server.ConnString(""))
	time.Sleep(time.Second)
	var last embeddedpg.MoveProgress
	switched := target.url("app")
	began := time.Now()
	done, err := server.MoveTo(ctx, embeddedpg.MoveOptions{
		To: target.url("app"),
		Ready: func(context.Context) error {
			time.Sleep(2 * time.Second)
			return nil
		},
		Switch: func(context.Context) error {
			clients.url.Store(&switched)
			return nil
		},
		Progress: func(p embeddedpg.MoveProgress) {
			if p.Stage != last.Stage {
				t.Logf("%6.2fs %s %s", time.Since(began).Seconds(), p.Stage, p.Item)
			}
			last = p
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", done)
	time.Sleep(time.Second)
	clients.end()
	if !done.Compared || done.Differences != nil || done.Tables < 100 {
		t.Errorf("%+v", done)
	}
	checkTarget(t, connect(t, server.ConnString("")), connect(t, target.url("app")))
	clients.check(t, connect(t, target.url("app")))
}

// checkTarget compares what the rows' sums do not tell.
func checkTarget(t *testing.T, source, target *pgx.Conn) {
	t.Helper()
	for name, sql := range map[string]string{
		"objects": `SELECT string_agg(pg_describe_object(classid, objid, 0), E'\n' ORDER BY pg_describe_object(classid, objid, 0)) FROM (
			SELECT 'pg_class'::regclass classid, c.oid objid FROM pg_class c WHERE relnamespace::regnamespace::text IN ('public', 'shop')
			UNION ALL SELECT 'pg_trigger'::regclass, oid FROM pg_trigger WHERE NOT tgisinternal
			UNION ALL SELECT 'pg_policy'::regclass, oid FROM pg_policy
			UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE connamespace::regnamespace::text IN ('public', 'shop')
			UNION ALL SELECT 'pg_publication'::regclass, oid FROM pg_publication
			UNION ALL SELECT 'pg_event_trigger'::regclass, oid FROM pg_event_trigger) o`,
		"identity":      `SELECT string_agg(attrelid::regclass || '.' || attname || attidentity::text || attgenerated::text, ' ' ORDER BY attrelid::regclass::text, attname) FROM pg_attribute WHERE attidentity <> '' OR attgenerated <> ''`,
		"large objects": `SELECT string_agg(m.oid || lomowner::regrole::text || coalesce(lomacl::text, '') || md5(CASE m.oid WHEN 777 THEN '' ELSE lo_get(m.oid) END), ' ' ORDER BY m.oid) FROM pg_largeobject_metadata m`,
		"roles":         `SELECT string_agg(rolname || rolcanlogin || coalesce(rolpassword, '-'), ' ' ORDER BY rolname) FROM pg_authid WHERE rolname LIKE 'shop%'`,
		"rights":        `SELECT string_agg(relname || relowner::regrole || coalesce(relacl::text, '-'), ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'shop'::regnamespace`,
		"ours":          `SELECT count(*)::text FROM pg_namespace WHERE nspname = 'nself_move'`,
	} {
		var want, got *string
		if err := source.QueryRow(t.Context(), sql).Scan(&want); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := target.QueryRow(t.Context(), sql).Scan(&got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if want == nil || got == nil || *want != *got {
			t.Errorf("%s: %s", name, difference(want, got))
		}
	}
	for name, sql := range map[string]string{
		"sequences": `SELECT count(*) FROM pg_sequences WHERE last_value > 1 AND sequencename IN ('numbers', 'history_id_seq', 'order_id_seq', 'everything_id_seq', 'events_id_seq')`,
		"summary":   `SELECT count(*) FROM summary`,
	} {
		var n int
		if err := target.QueryRow(t.Context(), sql).Scan(&n); err != nil || n < 5 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	var slots int
	if err := source.QueryRow(t.Context(), "SELECT count(*) FROM pg_replication_slots").Scan(&slots); err != nil || slots != 0 {
		t.Errorf("%d slots are left: %v", slots, err)
	}
	if _, err := source.Exec(t.Context(), "CREATE TABLE late (a int)"); err == nil || !strings.Contains(err.Error(), "25006") {
		t.Errorf("the source can be written to: %v", err)
	}
}

// difference is where two texts begin to differ.
func difference(want, got *string) string {
	if want == nil || got == nil {
		return "one is missing"
	}
	i := 0
	for i < len(*want) && i < len(*got) && (*want)[i] == (*got)[i] {
		i++
	}
	return (*want)[max(0, i-80):min(len(*want), i+200)] + "\nbut\n" + (*got)[max(0, i-80):min(len(*got), i+200)]
}
