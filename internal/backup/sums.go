package backup

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"nself.org/embeddedpg/internal/fault"
)

// asText makes the text of values the same in every session: what pg_dump sets (setup_connection in
// src/bin/pg_dump/pg_dump.c), and a name in full wherever a value shows one.
var asText = []string{
	"SET search_path = ''", "SET datestyle = ISO", "SET intervalstyle = postgres", "SET extra_float_digits = 1", "SET timezone = 'UTC'",
	"SET bytea_output = hex", "SET lc_monetary = 'C'", "SET row_security = off", "SET max_parallel_workers_per_gather = 0",
	// Those that the server has: transaction_timeout came with 17.
	`SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
	WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`,
}

// largeObjects is the name of the entry for pg_largeobject among the tables; its schema is empty.
const largeObjects = "large objects"

// isTable is the condition for the tables whose rows a dump contains, of pg_class c and pg_namespace n.
const isTable = `c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

// tableNames returns the tables whose rows a dump contains, sorted by name. Those that belong to an extension are left
// out: CREATE EXTENSION fills them.
func tableNames(ctx context.Context, s *session) ([]Table, error) {
	rows, err := s.query(ctx, `SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE `+isTable+`
		ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`)
	if err != nil {
		return nil, err
	}
	var tables []Table
	for _, r := range rows {
		tables = append(tables, Table{Schema: r[0], Name: r[1]})
	}
	return tables, nil
}

// sumTables is sumRows, with an entry for the large objects, if there are any.
func sumTables(ctx context.Context, s *session, tables []Table, progress func(done int)) ([]Table, error) {
	sums, err := sumRows(ctx, s, tables, progress)
	if err != nil {
		return nil, err
	}
	return sumLargeObjects(ctx, s, sums)
}

// sumRows counts the rows of each table and adds up a 64-bit hash of each row's text, in the transaction of the session.
// The order of the rows does not matter, and two equal rows do not cancel out. asText must be set.
func sumRows(ctx context.Context, s *session, tables []Table, progress func(done int)) ([]Table, error) {
	var sums []Table
	for i, t := range tables {
		rows, err := s.query(ctx, fmt.Sprintf("SELECT pg_catalog.count(*), coalesce(pg_catalog.sum(pg_catalog.hashtextextended((t.*)::text, 0)), 0) FROM ONLY %s.%s t",
			identifier(t.Schema), identifier(t.Name)))
		if err == nil {
			t.Rows, err = strconv.ParseInt(rows[0][0], 10, 64)
		}
		if err != nil {
			return nil, fmt.Errorf("add up table %s.%s: %w", t.Schema, t.Name, err)
		}
		t.Sum = rows[0][1]
		sums = append(sums, t)
		progress(i + 1)
	}
	return sums, nil
}

// sumLargeObjects adds an entry for the large objects. It takes a superuser.
func sumLargeObjects(ctx context.Context, s *session, sums []Table) ([]Table, error) {
	// A page of zeros is the same as none: pg_restore writes both as zeros.
	rows, err := s.query(ctx, `SELECT pg_catalog.count(DISTINCT loid), coalesce(pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat_ws(':', loid, pageno, page), 0)), 0)
		FROM (SELECT loid, pageno, pg_catalog.rtrim(data, '\x00'::bytea) AS page FROM pg_catalog.pg_largeobject) p WHERE page <> '\x'`)
	if err != nil {
		return nil, fmt.Errorf("add up the large objects: %w", err)
	}
	lo := Table{Name: largeObjects, Sum: rows[0][1]}
	if lo.Rows, err = strconv.ParseInt(rows[0][0], 10, 64); err != nil {
		return nil, err
	}
	if lo.Rows > 0 {
		sums = append(sums, lo)
	}
	return sums, nil
}

// Differences says how the tables of one database differ from those of another, each in some words.
func Differences(want, got []Table) (bad []string) {
	name := func(t Table) string { return strings.TrimPrefix(t.Schema+"."+t.Name, ".") }
	have := map[string]Table{}
	for _, t := range got {
		have[name(t)] = t
	}
	for _, w := range want {
		g, ok := have[name(w)]
		switch {
		case !ok:
			bad = append(bad, name(w)+" is missing")
		case g.Rows != w.Rows:
			bad = append(bad, fmt.Sprintf("%s has %d rows instead of %d", name(w), g.Rows, w.Rows))
		case g.Sum != w.Sum:
			bad = append(bad, name(w)+" has other contents")
		}
		delete(have, name(w))
	}
	for n := range have {
		bad = append(bad, n+" is not in the original")
	}
	return bad
}

// compareTables says how what was restored differs from what was backed up; nil if it does not.
func compareTables(want, got []Table) error {
	bad := Differences(want, got)
	if bad == nil {
		return nil
	}
	if len(bad) > keptLines {
		bad = append(bad[:keptLines], fmt.Sprintf("and %d more", len(bad)-keptLines))
	}
	return &fault.Error{
		Op: "compare the restored database", Err: fmt.Errorf("it differs from what was backed up: %s", strings.Join(bad, "; ")),
		Hint: "do not rely on this backup; make a new one",
	}
}
