package main

import (
	"fmt"
	"slices"
	"strings"
)

// scope is what an expression can name.
type scope []relation

// relations names tables of a FROM clause anew.
func (g *generator) from(depth int) (string, scope) {
	var parts []string
	var s scope
	for i := range 1 + g.rng.IntN(3) {
		t := g.tables[g.rng.IntN(len(g.tables))]
		alias := fmt.Sprintf("r%d", i)
		r := relation{alias, t.columns}
		text := t.name + " " + alias
		if depth > 1 && g.rng.IntN(5) == 0 {
			var sub string
			sub, r.columns = g.selects(depth - 1)
			text = "(" + sub + ") " + alias
		}
		s = append(s, r)
		if i > 0 {
			join := []string{"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"}[g.rng.IntN(4)]
			on := g.equality(s)
			if on == "" || join != "FULL JOIN" && g.rng.IntN(3) == 0 {
				on = g.expression("bool", s, 1)
				if join == "FULL JOIN" {
					join = "JOIN"
				}
			}
			text = join + " " + text + " ON " + on
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " "), s
}

// equality compares a column of the last relation with one of the others; "": there is none of the same type.
func (g *generator) equality(s scope) string {
	last := s[len(s)-1]
	for range 10 {
		a := last.columns[g.rng.IntN(len(last.columns))]
		other := s[g.rng.IntN(len(s)-1)]
		for _, b := range other.columns {
			if a.typ == b.typ && a.typ != "jsonb" {
				return fmt.Sprintf("%s.%s = %s.%s", last.name, a.name, other.name, b.name)
			}
		}
	}
	return ""
}

// expression returns an expression of a type.
func (g *generator) expression(typ string, s scope, depth int) string {
	if depth > 0 && g.rng.IntN(3) > 0 {
		if e := g.compound(typ, s, depth); e != "" {
			return e
		}
	}
	if g.rng.IntN(3) > 0 {
		var found []string
		for _, r := range s {
			for _, c := range r.columns {
				if c.typ == typ {
					found = append(found, r.name+"."+c.name)
				}
			}
		}
		if len(found) > 0 {
			return found[g.rng.IntN(len(found))]
		}
	}
	v, ok := g.value(typ)
	if !ok {
		return "NULL::" + quoteType(typ)
	}
	return v
}

func (g *generator) compound(typ string, s scope, depth int) string {
	sub := func(t string) string { return g.expression(t, s, depth-1) }
	n := g.rng.IntN(10)
	if typ == "bool" {
		t := columnTypes[g.rng.IntN(len(columnTypes))]
		switch {
		case n < 2:
			return fmt.Sprintf("(%s %s %s)", sub("bool"), []string{"AND", "OR"}[n], sub("bool"))
		case n == 2:
			return fmt.Sprintf("(NOT %s)", sub("bool"))
		case n == 3:
			return fmt.Sprintf("(%s IS %sNULL)", sub(t), []string{"", "NOT "}[g.rng.IntN(2)])
		case n < 6 && t != "jsonb":
			return fmt.Sprintf("(%s %s %s)", sub(t), []string{"=", "<", ">=", "<>", "IS DISTINCT FROM"}[g.rng.IntN(5)], sub(t))
		case n == 6:
			return fmt.Sprintf("(%s IN (%s, %s, %s))", sub("int4"), sub("int4"), sub("int4"), sub("int4"))
		case n == 7 && depth > 1:
			from, inner := g.from(1)
			return fmt.Sprintf("%sEXISTS (SELECT FROM %s WHERE %s)", []string{"", "NOT "}[g.rng.IntN(2)], renamed(from, "s"), renamed(g.expression("bool", inner, 1), "s"))
		}
	}
	if n == 8 {
		return fmt.Sprintf("(CASE WHEN %s THEN %s ELSE %s END)", sub("bool"), sub(typ), sub(typ))
	}
	if n == 9 {
		return fmt.Sprintf("coalesce(%s, %s)", sub(typ), sub(typ))
	}
	list := g.byType[typ]
	if len(list) == 0 {
		return ""
	}
	f := list[g.rng.IntN(len(list))]
	args := make([]string, len(f.args))
	for i, a := range f.args {
		if _, any := polymorphic[0][a]; any {
			a = polymorphic[0][a]
		}
		args[i] = sub(a)
	}
	switch {
	case f.kind == 'o' && len(args) == 2:
		return fmt.Sprintf("(%s OPERATOR(%s.%s) %s)", args[0], f.schema, f.name, args[1])
	case f.kind == 'o':
		return fmt.Sprintf("(OPERATOR(%s.%s) %s)", f.schema, f.name, args[0])
	}
	return fmt.Sprintf("%s.%q(%s)", f.schema, f.name, strings.Join(args, ", "))
}

// renamed gives the relations of a subquery names of their own.
func renamed(sql, prefix string) string {
	for i := range 3 {
		sql = strings.ReplaceAll(sql, fmt.Sprintf(" r%d ", i), fmt.Sprintf(" %s%d ", prefix, i))
		sql = strings.ReplaceAll(sql, fmt.Sprintf("r%d.", i), fmt.Sprintf("%s%d.", prefix, i))
		if strings.HasSuffix(sql, fmt.Sprintf(" r%d", i)) {
			sql = sql[:len(sql)-2] + fmt.Sprintf("%s%d", prefix, i)
		}
	}
	return sql
}

// selects returns a SELECT without an order, and its columns.
func (g *generator) selects(depth int) (string, []column) {
	from, s := g.from(depth)
	if g.rng.IntN(4) == 0 {
		return g.grouped(from, s)
	}
	var list []string
	var columns []column
	for i := range 1 + g.rng.IntN(4) {
		c := column{fmt.Sprintf("x%d", i), columnTypes[g.rng.IntN(len(columnTypes))]}
		columns = append(columns, c)
		list = append(list, g.expression(c.typ, s, 2)+" AS "+c.name)
	}
	if g.rng.IntN(6) == 0 {
		columns = append(columns, column{"w", "int8"})
		f := []string{"rank()", "dense_rank()", "count(*)"}[g.rng.IntN(3)] // the same for rows that are equal
		list = append(list, fmt.Sprintf("%s OVER (PARTITION BY %s ORDER BY %s::text) AS w", f, g.expression("int4", s, 1), s[0].name))
	}
	distinct := ""
	if g.rng.IntN(6) == 0 {
		distinct = "DISTINCT "
	}
	return fmt.Sprintf("SELECT %s%s FROM %s WHERE %s", distinct, strings.Join(list, ", "), from, g.expression("bool", s, 2)), columns
}

// grouped returns a SELECT with aggregates.
func (g *generator) grouped(from string, s scope) (string, []column) {
	key := columnTypes[g.rng.IntN(len(columnTypes))]
	columns := []column{{"k", key}, {"n", "int8"}}
	list := []string{g.expression(key, s, 1) + " AS k", "count(*) AS n"}
	for i, a := range []struct{ f, typ, result string }{{"sum", "int4", "int8"}, {"max", "text", "text"}, {"min", "date", "date"}, {"avg", "numeric", "numeric"}, {"bool_or", "bool", "bool"}} {
		if g.rng.IntN(3) == 0 {
			c := column{fmt.Sprintf("a%d", i), a.result}
			columns = append(columns, c)
			list = append(list, fmt.Sprintf("%s(%s) AS %s", a.f, g.expression(a.typ, s, 1), c.name))
		}
	}
	having := ""
	if g.rng.IntN(3) == 0 {
		having = " HAVING count(*) > 1"
	}
	by := []string{"1", "GROUPING SETS ((1), ())", "ROLLUP (1)"}[g.rng.IntN(3)]
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s GROUP BY %s%s", strings.Join(list, ", "), from, g.expression("bool", s, 1), by, having), columns
}

// query returns a query. Its columns are text, and it is ordered by all of them where rows are left out.
func (g *generator) query(depth int) string {
	inner, columns := g.selects(depth)
	if g.rng.IntN(8) == 0 {
		other, theirs := g.selects(1)
		if slices.EqualFunc(columns, theirs, func(a, b column) bool { return a.typ == b.typ }) {
			inner = fmt.Sprintf("(%s) %s (%s)", inner, []string{"UNION", "UNION ALL", "INTERSECT", "EXCEPT"}[g.rng.IntN(4)], other)
		}
	}
	var list, order []string
	for i, c := range columns {
		list = append(list, fmt.Sprintf("q.%s::text", c.name))
		order = append(order, fmt.Sprint(i+1))
	}
	sql := fmt.Sprintf("SELECT %s FROM (%s) q", strings.Join(list, ", "), inner)
	if g.rng.IntN(10) == 0 {
		sql = fmt.Sprintf("WITH q AS MATERIALIZED (%s) SELECT %s FROM q", inner, strings.Join(list, ", "))
	}
	return sql + " ORDER BY " + strings.Join(order, ", ") + " LIMIT 100"
}

// partitioned returns a query, and the same in three parts: where a condition is true, false and unknown. Together they are to have
// as many rows as without it, which the statement itself tells (ternary logic partitioning).
func (g *generator) partitioned() []string {
	from, s := g.from(1)
	p := g.expression("bool", s, 3)
	return []string{fmt.Sprintf(`SELECT (SELECT count(*) FROM %[1]s) = (SELECT count(*) FROM %[1]s WHERE %[2]s) + (SELECT count(*) FROM %[1]s WHERE NOT %[2]s) + (SELECT count(*) FROM %[1]s WHERE (%[2]s) IS NULL) AS whole, (SELECT count(*) FROM %[1]s WHERE %[2]s) = (SELECT count(*) FILTER (WHERE %[2]s) FROM %[1]s) AS same`, from, p)}
}

// change returns a statement that changes a table.
func (g *generator) change() string {
	t := g.tables[g.rng.IntN(len(g.tables))]
	s := scope{t}
	where := g.expression("bool", s, 2)
	c := t.columns[1+g.rng.IntN(len(t.columns)-1)]
	value := g.expression(c.typ, s, 2)
	returning := fmt.Sprintf("RETURNING %s.id, %s.%s::text", t.name, t.name, c.name)
	switch g.rng.IntN(4) {
	case 0:
		return fmt.Sprintf("DELETE FROM %s WHERE %s %s", t.name, where, returning)
	case 1:
		return fmt.Sprintf("INSERT INTO %s (id, %s) SELECT id + %d, %s FROM %s WHERE %s ON CONFLICT (id) DO UPDATE SET %s = excluded.%s %s", t.name, c.name,
			g.rng.IntN(3000), value, t.name, where, c.name, c.name, returning)
	case 2:
		return fmt.Sprintf("MERGE INTO %[1]s USING (SELECT id AS i FROM t3) m ON %[1]s.id = m.i WHEN MATCHED AND %[2]s THEN UPDATE SET %[3]s = %[4]s WHEN NOT MATCHED THEN INSERT (id) VALUES (m.i) %[5]s",
			t.name, where, c.name, value, returning)
	}
	return fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s %s", t.name, c.name, value, where, returning)
}
