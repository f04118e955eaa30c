package move

import (
	"context"
	"strconv"
	"strings"
)

// table is one that holds rows: an ordinary table or the leaf of a partitioned one.
type table struct {
	schema, name string
	columns      []string // without generated ones
	bytes        int64
}

func (t table) quoted() string { return identifier(t.schema) + "." + identifier(t.name) }

// isOurs is the condition for the tables that are moved, of pg_class c and pg_namespace n: those that backups count.
const isOurs = `c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', '` + schema + `')
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

// fromTables is the FROM clause of queries about them.
const fromTables = ` FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace `

// readTables returns the tables of the source, the largest first.
func readTables(ctx context.Context, source *session) ([]table, error) {
	rows, err := source.query(ctx, `SELECT n.nspname, c.relname, pg_catalog.pg_table_size(c.oid), a.attname`+fromTables+`
		LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
		WHERE `+isOurs+` ORDER BY 3 DESC, 1, 2, a.attnum`)
	if err != nil {
		return nil, err
	}
	var all []table
	for _, r := range rows {
		if n := len(all); n == 0 || all[n-1].schema != r[0] || all[n-1].name != r[1] {
			bytes, err := strconv.ParseInt(r[2], 10, 64)
			if err != nil {
				return nil, err
			}
			all = append(all, table{schema: r[0], name: r[1], bytes: bytes})
		}
		t := &all[len(all)-1]
		if r[3] != "" {
			t.columns = append(t.columns, r[3])
		}
	}
	return all, nil
}

// alterIdentity returns SQL for the columns that are GENERATED ALWAYS at the source: to make them so (kind ALWAYS), or to let values
// be written to them (BY DEFAULT). Partitions have it from their parent.
func alterIdentity(ctx context.Context, source *session, kind string) (string, error) {
	all, err := source.column(ctx, `SELECT pg_catalog.format('ALTER TABLE %I.%I ALTER COLUMN %I SET GENERATED '||$1::text||';', n.nspname, c.relname, a.attname)`+fromTables+`
		JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE a.attidentity = 'a' AND NOT a.attisdropped AND NOT c.relispartition
		AND n.nspname !~ '^pg_' AND c.relpersistence <> 't' ORDER BY 1`, kind)
	return strings.Join(all, "\n") + "\n", err
}
