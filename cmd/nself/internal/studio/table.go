package studio

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// attribute is a column of a table as pages of its rows, and changes to them, need it.
type attribute struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	NotNull bool   `json:"not_null"`
	Default string `json:"default,omitempty"`
	Made    bool   `json:"made,omitempty"` // by PostgreSQL alone: GENERATED ALWAYS
	Comment string `json:"comment,omitempty"`
	Key     bool   `json:"key,omitempty"` // part of what tells the rows apart
	Long    bool   `json:"-"`             // of no fixed length
	Bytes   bool   `json:"-"`             // bytea
}

// table is a relation and how its rows are told apart.
type table struct {
	place
	oid        uint32
	relkind    string
	attributes []attribute
	key        []string // columns of the primary key, or of another key without NULL; nil: there is none
}

// table looks a relation up.
func (s *Studio) table(ctx context.Context, p place) (*table, error) {
	pool, err := s.pools.get(p.Database)
	if err != nil {
		return nil, err
	}
	t := &table{place: p}
	err = pool.QueryRow(ctx, `SELECT c.oid, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`, p.Schema, p.Name).Scan(&t.oid, &t.relkind)
	if err == pgx.ErrNoRows { //nolint:errorlint // QueryRow returns it as it is
		return nil, errNoTable(p)
	}
	if err != nil {
		return nil, err
	}
	t.attributes, err = list[attribute](ctx, s, p.Database, `
		SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null, a.attgenerated <> '' OR a.attidentity = 'a' AS made,
			CASE WHEN a.attidentity <> '' THEN 'identity' ELSE coalesce(pg_get_expr(d.adbin, d.adrelid), '') END AS default,
			coalesce(col_description(a.attrelid, a.attnum), '') AS comment, false AS key, y.typlen < 0 AS long, y.oid = 'bytea'::regtype AS bytes
		FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, t.oid)
	if err != nil {
		return nil, err
	}
	err = pool.QueryRow(ctx, `
		SELECT array_agg(a.attname::text ORDER BY k.at) FROM (
			SELECT i.* FROM pg_index i WHERE i.indrelid = $1 AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
				AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[:i.indnkeyatts - 1]) AND NOT a.attnotnull)
			ORDER BY NOT i.indisprimary, i.indnkeyatts, i.indexrelid LIMIT 1) i
		CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(num, at) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num
		WHERE k.at <= i.indnkeyatts`, t.oid).Scan(&t.key)
	for i := range t.attributes {
		t.attributes[i].Key = slices.Contains(t.key, t.attributes[i].Name)
	}
	return t, err
}

// attribute returns the column of a name, which the browser gave.
func (t *table) attribute(name string) (attribute, error) {
	for _, a := range t.attributes {
		if a.Name == name {
			return a, nil
		}
	}
	return attribute{}, errNoColumn(name)
}

// order are the expressions that tell rows apart and put them in order: the key's columns, or where the row lies in a table
// without one. Nothing: they have no order.
func (t *table) order() []string {
	if t.key == nil && (t.relkind == "r" || t.relkind == "m") {
		return []string{"t.ctid"}
	}
	var list []string
	for _, name := range t.key {
		list = append(list, column(name))
	}
	return list
}

// column is the name of a column of the table t in SQL.
func column(name string) string { return "t." + quoted(name) }

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// sql is the relation's name in SQL.
func (p place) sql() string { return pgx.Identifier{p.Schema, p.Name}.Sanitize() }

// preview is the most of a value that a page of rows shows: characters, of bytea half as many bytes.
const preview = 256

// shown is the expression for a column in a page of rows: one character more than is shown, where there is more.
func (a attribute) shown() string {
	switch {
	case a.Bytes:
		return `'\x' || encode(substring(` + column(a.Name) + " FROM 1 FOR " + strconv.Itoa(preview/2) + "), 'hex')"
	case a.Long:
		return "left(" + column(a.Name) + "::text, " + strconv.Itoa(preview+1) + ")"
	}
	return column(a.Name) + "::text"
}

// statement is SQL with its values.
type statement struct {
	strings.Builder
	values []text
}

func (q *statement) add(parts ...string) {
	for _, p := range parts {
		q.WriteString(p)
	}
}

// value adds a parameter and returns its name.
func (q *statement) value(v text) string {
	q.values = append(q.values, v)
	return "$" + strconv.Itoa(len(q.values))
}
