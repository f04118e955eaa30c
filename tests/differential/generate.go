package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
)

// extensions bring functions and types; native's package of contrib has all of them.
var extensions = []string{
	"hstore", "ltree", "cube", "seg", "citext", "isn", "intarray", "pg_trgm", "fuzzystrmatch", "unaccent", "earthdistance",
	"tablefunc", "btree_gist", "btree_gin", "bloom", "lo", "dict_int", "dict_xsyn", "intagg", "pgcrypto", "uuid-ossp", "xml2", "tsm_system_rows",
}

// generator makes statements for one pair of sessions.
type generator struct {
	rng    *rand.Rand
	all    []signature
	byType map[string][]signature // without sets and aggregates, by the type of the result
	types  []string
	tables []relation
}

// relation is a table or a part of a query whose columns can be named.
type relation struct {
	name    string
	columns []column
}

type column struct{ name, typ string }

// columnTypes are those of tables, and of the expressions of queries.
var columnTypes = []string{"int4", "int8", "numeric", "text", "bool", "date", "timestamp", "float8", "jsonb", "_int4", "interval", "varchar", "uuid", "int4range"}

// prepare makes extensions and tables in both databases.
func (g *generator) prepare(ctx context.Context, p pair) error {
	for _, e := range extensions {
		if err := p.both(ctx, fmt.Sprintf("CREATE EXTENSION IF NOT EXISTS %q", e)); err != nil {
			return err
		}
	}
	if err := g.catalog(ctx, p); err != nil {
		return err
	}
	g.byType = map[string][]signature{}
	for _, s := range g.all {
		if !s.set && s.kind != 'a' && s.schema == "pg_catalog" && len(s.args) > 0 && !slow[s.name] {
			g.byType[s.result] = append(g.byType[s.result], s)
		}
	}
	for k := range 6 {
		if err := g.table(ctx, p, k); err != nil {
			return err
		}
	}
	return p.both(ctx, "ANALYZE")
}

// slow are functions that make a value so large that what is made of it takes long.
var slow = map[string]bool{"repeat": true, "lpad": true, "rpad": true, "pow": true, "power": true, "exp": true, "factorial": true, "^": true, "!": true, "numeric_power": true, "numeric_exp": true, "dexp": true, "dpow": true, "numeric_fac": true}

// table makes a table with indexes and rows, the same in both databases.
func (g *generator) table(ctx context.Context, p pair, k int) error {
	r := relation{name: fmt.Sprintf("t%d", k), columns: []column{{"id", "int4"}}}
	definitions := []string{"id int4 PRIMARY KEY"}
	for i := range 3 + g.rng.IntN(6) {
		c := column{fmt.Sprintf("c%d", i), columnTypes[g.rng.IntN(len(columnTypes))]}
		r.columns = append(r.columns, c)
		definitions = append(definitions, c.name+" "+quoteType(c.typ))
	}
	sql := fmt.Sprintf("CREATE TABLE %s (%s);", r.name, strings.Join(definitions, ", "))
	n := []int{0, 1, 20, 200, 200, 1000}[k]
	for i := range n {
		values := []string{fmt.Sprint(i)}
		for _, c := range r.columns[1:] {
			v, _ := g.value(c.typ)
			values = append(values, v)
		}
		sql += fmt.Sprintf("INSERT INTO %s VALUES (%s);", r.name, strings.Join(values, ", "))
	}
	for i, c := range r.columns[1:] {
		if method := indexes[c.typ]; len(method) > 0 && g.rng.IntN(2) == 0 {
			sql += fmt.Sprintf("CREATE INDEX %s_%d ON %s USING %s (%s);", r.name, i, r.name, method[g.rng.IntN(len(method))], c.name)
		}
	}
	g.tables = append(g.tables, r)
	return p.both(ctx, sql)
}

var indexes = map[string][]string{
	"int4": {"btree", "hash", "brin"}, "int8": {"btree", "brin"}, "numeric": {"btree", "hash"}, "text": {"btree", "hash", "spgist"},
	"date": {"btree", "brin"}, "timestamp": {"btree", "brin"}, "float8": {"btree"}, "jsonb": {"gin", "btree"}, "_int4": {"gin", "btree"},
	"interval": {"btree"}, "varchar": {"btree"}, "uuid": {"btree", "hash"}, "int4range": {"gist", "spgist"},
}

// reset forgets what a lost session had.
func (g *generator) reset() {}

// plans are settings of the planner that are switched at random.
var plans = []string{
	"enable_seqscan", "enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "enable_nestloop",
	"enable_hashagg", "enable_sort", "enable_incremental_sort", "enable_material", "enable_memoize", "enable_presorted_aggregate",
}

// statements returns what is sent next: one statement, or some that belong together.
func (g *generator) statements() []string {
	switch n := g.rng.IntN(100); {
	case n < 45:
		return []string{g.call()}
	case n < 55:
		return []string{g.cast()}
	case n < 58:
		return []string{fmt.Sprintf("SET %s = %v", plans[g.rng.IntN(len(plans))], g.rng.IntN(3) > 0)}
	case n < 85:
		q := g.query(2)
		if g.rng.IntN(4) == 0 {
			return []string{"EXPLAIN (COSTS OFF) " + q}
		}
		return []string{q}
	case n < 92:
		return g.partitioned()
	}
	return []string{"BEGIN", g.change(), g.query(1), "ROLLBACK"}
}
