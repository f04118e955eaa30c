package studio

import (
	"context"
	"net/http"
)

// in names a database; "": the first.
type in struct {
	Database string `json:"database"`
}

// place names a relation.
type place struct {
	in
	Schema string `json:"schema"`
	Name   string `json:"name"`
}

// Overview is what the page shows around everything else.
type Overview struct {
	Title     string     `json:"title"`
	Version   string     `json:"version"`
	User      string     `json:"user"`
	Database  string     `json:"database"`
	ReadOnly  bool       `json:"read_only"`
	Backups   bool       `json:"backups"`
	Rows      int        `json:"rows"`    // the most that a query shows
	Timeout   float64    `json:"timeout"` // of a statement, in seconds
	Databases []Database `json:"databases"`
}

// Database is one that can be connected to.
type Database struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

func (s *Studio) overview(ctx context.Context, _ none) (Overview, error) {
	o := Overview{
		Title: s.config.Title, Database: s.config.Database, ReadOnly: s.config.ReadOnly, Backups: s.config.Backups != nil,
		Rows: s.config.Rows, Timeout: s.config.Timeout.Seconds(),
	}
	pool, err := s.pools.get("")
	if err != nil {
		return o, err
	}
	if err := pool.QueryRow(ctx, "SELECT current_setting('server_version'), current_user").Scan(&o.Version, &o.User); err != nil {
		return o, err
	}
	o.Databases, err = list[Database](ctx, s, "", `
		SELECT datname AS name, CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) ELSE 0 END AS size
		FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname`)
	return o, err
}

// Relation is what has rows.
type Relation struct {
	Schema  string  `json:"schema"`
	Name    string  `json:"name"`
	Kind    string  `json:"kind"` // table, partitioned table, view, materialized view, foreign table
	Rows    float64 `json:"rows"` // about; -1: not known
	Size    int64   `json:"size"` // with indexes
	Comment string  `json:"comment"`
}

// notOurs leaves out what PostgreSQL and its sessions keep for themselves.
const notOurs = `n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'`

// kind is pg_class.relkind in words.
const kind = `CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END`

func (s *Studio) relations(ctx context.Context, in in) ([]Relation, error) {
	return list[Relation](ctx, s, in.Database, `
		SELECT n.nspname AS schema, c.relname AS name, `+kind+` AS kind,
			CASE WHEN c.relkind = 'p' THEN (SELECT coalesce(sum(nullif(p.reltuples, -1)), -1) FROM pg_partition_tree(c.oid) t JOIN pg_class p ON p.oid = t.relid WHERE t.isleaf)
				WHEN c.relkind = 'v' THEN -1 ELSE c.reltuples END::float8 AS rows,
			CASE WHEN c.relkind IN ('r', 'm') THEN pg_total_relation_size(c.oid) ELSE 0 END AS size,
			coalesce(obj_description(c.oid, 'pg_class'), '') AS comment
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND `+notOurs+`
		ORDER BY n.nspname <> 'public', n.nspname, c.relname LIMIT 5000`)
}

// Column is a column, with what the drawing of the schema and the completion of names need.
type Column struct {
	Schema string `json:"schema"`
	Table  string `json:"table"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	Key    bool   `json:"key"` // part of the primary key
	// What it refers to by a foreign key of one or more columns.
	ToSchema *string `json:"to_schema,omitempty"`
	ToTable  *string `json:"to_table,omitempty"`
	ToColumn *string `json:"to_column,omitempty"`
}

// columns are those of all relations, up to a number that is more than a person looks at.
func (s *Studio) columns(ctx context.Context, in in) ([]Column, error) {
	return list[Column](ctx, s, in.Database, `
		SELECT n.nspname AS schema, c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
			EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)) AS key,
			fn.nspname AS to_schema, fc.relname AS to_table, fa.attname AS to_column
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN LATERAL (SELECT k.confrelid, k.confkey[array_position(k.conkey, a.attnum)] AS to FROM pg_constraint k
			WHERE k.conrelid = c.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey) ORDER BY cardinality(k.conkey), k.oid LIMIT 1) f ON true
		LEFT JOIN pg_class fc ON fc.oid = f.confrelid LEFT JOIN pg_namespace fn ON fn.oid = fc.relnamespace
		LEFT JOIN pg_attribute fa ON fa.attrelid = f.confrelid AND fa.attnum = f.to
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND `+notOurs+`
		ORDER BY n.nspname <> 'public', n.nspname, c.relname, a.attnum LIMIT 20000`)
}

// Detail is an index, a constraint or a trigger of a table, as PostgreSQL writes it.
type Detail struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Definition string `json:"definition"`
}

// Description is what a table is.
type Description struct {
	Columns []attribute `json:"columns"`
	Details []Detail    `json:"details"`
}

func (s *Studio) describe(ctx context.Context, p place) (Description, error) {
	t, err := s.table(ctx, p)
	if err != nil {
		return Description{}, err
	}
	d := Description{Columns: t.attributes}
	d.Details, err = list[Detail](ctx, s, p.Database, `
		SELECT 'constraint' AS kind, conname::text AS name, pg_get_constraintdef(oid, true) AS definition FROM pg_constraint WHERE conrelid = $1 AND contype <> 'n'
		UNION ALL SELECT 'referred to by', conrelid::regclass || ': ' || conname, pg_get_constraintdef(oid, true) FROM pg_constraint WHERE confrelid = $1
		UNION ALL SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
			WHERE i.indrelid = $1 AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u', 'x'))
		UNION ALL SELECT 'trigger', tgname::text, pg_get_triggerdef(oid, true) FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal
		UNION ALL SELECT 'definition', '', pg_get_viewdef(oid, true) FROM pg_class WHERE oid = $1 AND relkind IN ('v', 'm')
		ORDER BY 1, 2`, t.oid)
	return d, err
}

func errNoTable(p place) error {
	return &wrong{failure{Message: "there is no table " + p.Schema + "." + p.Name + " any more"}, http.StatusNotFound}
}
