package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// A signature is a function, an operator or an aggregate of the catalog.
type signature struct {
	kind   byte // f, a (aggregate), o (operator)
	schema string
	name   string
	args   []string // names of types
	result string
	set    bool
}

// excluded are stable functions that tell of the server, the session, the moment or the catalog, which has other identifiers
// where something else was created before; and comparisons, of whose results only the sign is promised.
const excluded = `^(pg_(?!size_pretty|size_bytes|lsn|input_|typeof|char_to|encoding_to|client_encoding|parse_ident|snapshot)|inet_(client|server)|txid_|` +
	`now$|current_|session_|system_user|statement_timestamp|transaction_timestamp|version$|has_|row_security|getdatabaseencoding|query_to|table_to|schema_to|` +
	`database_to|cursor_to|ts_stat|dblink|postgres_fdw|currtid|to_reg|amvalidate|shobj|obj_desc|col_desc|format_type|reg|mxid_age|age$|` +
	`brin_|gin_clean|heap_|page_|tuple_|verify_|bt_|hash_page|cached_|icu_|ssl_|xpath_table|connectby|crosstab|generate_series$|.*cmp|.*_compare_)`

const signatures = `
	SELECT CASE p.prokind WHEN 'a' THEN 'a' ELSE 'f' END, n.nspname, p.proname,
		array(SELECT t.typname FROM unnest(p.proargtypes) WITH ORDINALITY u(oid, i) JOIN pg_type t ON t.oid = u.oid ORDER BY i)::text,
		r.typname, p.proretset
	FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_type r ON r.oid = p.prorettype
	WHERE p.prokind IN ('f', 'a') AND p.provolatile <> 'v' AND n.nspname <> 'information_schema' AND p.proname !~ $excluded$%s$excluded$
		AND r.typname NOT IN ('internal', 'cstring', 'trigger', 'event_trigger', 'record', 'void', 'language_handler', 'fdw_handler', 'index_am_handler', 'table_am_handler', 'tsm_handler')
		AND (p.prokind <> 'a' OR NOT EXISTS (SELECT FROM pg_aggregate a WHERE a.aggfnoid = p.oid AND a.aggkind <> 'n'))
	UNION ALL
	SELECT 'o', n.nspname, o.oprname, array(SELECT t.typname FROM unnest(ARRAY[o.oprleft, o.oprright]) WITH ORDINALITY u(oid, i)
		JOIN pg_type t ON t.oid = u.oid ORDER BY i)::text, r.typname, false
	FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace JOIN pg_type r ON r.oid = o.oprresult
	ORDER BY 1, 2, 3, 4`

// catalog reads the signatures that values are known for, from our server.
func (g *generator) catalog(ctx context.Context, p pair) error {
	results, err := p.ours.Exec(ctx, fmt.Sprintf(signatures, excluded)).ReadAll()
	if err != nil {
		return err
	}
	for _, row := range results[0].Rows {
		s := signature{
			kind: row[0][0], schema: string(row[1]), name: string(row[2]),
			args: strings.FieldsFunc(strings.Trim(string(row[3]), "{}"), func(r rune) bool { return r == ',' }), result: string(row[4]), set: row[5][0] == 't',
		}
		for i := range s.args {
			s.args[i] = strings.Trim(s.args[i], `"`)
		}
		if g.callable(s.args) {
			g.all = append(g.all, s)
		}
	}
	for typ := range samples {
		g.types = append(g.types, typ)
	}
	slices.Sort(g.types)
	return nil
}

func (g *generator) callable(args []string) bool {
	for _, a := range args {
		_, known := samples[a]
		if _, any := polymorphic[0][a]; !known && !any {
			return false
		}
	}
	return true
}

// arguments returns values for a signature; false: there are none for this choice of types.
func (g *generator) arguments(s signature) (values []string, ok bool) {
	types := polymorphic[g.rng.IntN(len(polymorphic))]
	for _, a := range s.args {
		if concrete, any := types[a]; any {
			a = concrete
		}
		v, ok := g.value(a)
		if !ok {
			return nil, false
		}
		values = append(values, v)
	}
	return values, true
}

// call returns a call of a random signature.
func (g *generator) call() string {
	for {
		s := g.all[g.rng.IntN(len(g.all))]
		args, ok := g.arguments(s)
		if !ok {
			continue
		}
		name := fmt.Sprintf("%q.%q", s.schema, s.name)
		switch {
		case s.kind == 'o' && len(args) == 2:
			return fmt.Sprintf("SELECT (%s OPERATOR(%s.%s) %s)::text", args[0], s.schema, s.name, args[1])
		case s.kind == 'o':
			return fmt.Sprintf("SELECT (OPERATOR(%s.%s) %s)::text", s.schema, s.name, args[0])
		case s.kind == 'a' && len(args) == 0:
			return fmt.Sprintf("SELECT %s(*)::text FROM generate_series(1, %d)", name, g.rng.IntN(5))
		case s.kind == 'a':
			return g.aggregate(s, name)
		case s.set:
			return fmt.Sprintf("SELECT * FROM %s(%s) LIMIT 50", name, strings.Join(args, ", "))
		}
		return fmt.Sprintf("SELECT %s(%s)::text", name, strings.Join(args, ", "))
	}
}

// aggregate returns a call of an aggregate on a few rows.
func (g *generator) aggregate(s signature, name string) string {
	var rows []string
	for range 1 + g.rng.IntN(5) {
		args, ok := g.arguments(signature{args: concrete(s.args)})
		if !ok {
			break
		}
		rows = append(rows, "("+strings.Join(args, ", ")+")")
	}
	if len(rows) == 0 {
		rows = []string{"(1)"}
	}
	columns := make([]string, len(s.args))
	for i := range columns {
		columns[i] = fmt.Sprintf("c%d", i)
	}
	list := strings.Join(columns, ", ")
	over := []string{"", " OVER ()", " FILTER (WHERE true)"}[g.rng.IntN(3)]
	return fmt.Sprintf("SELECT %s(%s)%s::text FROM (VALUES %s) v(%s)", name, list, over, strings.Join(rows, ", "), list)
}

// concrete puts types in the place of polymorphic ones, the same in each row.
func concrete(args []string) []string {
	args = slices.Clone(args)
	for i, a := range args {
		if c, any := polymorphic[0][a]; any {
			args[i] = c
		}
	}
	return args
}

// cast returns a cast between two types.
func (g *generator) cast() string {
	from, to := g.types[g.rng.IntN(len(g.types))], g.types[g.rng.IntN(len(g.types))]
	v, ok := g.value(from)
	for !ok {
		v, ok = g.value("text")
	}
	if g.rng.IntN(2) == 0 {
		return fmt.Sprintf("SELECT (%s)::text::%s::text", v, quoteType(to))
	}
	return fmt.Sprintf("SELECT (%s)::%s::text", v, quoteType(to))
}
