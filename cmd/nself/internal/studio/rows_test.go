package studio

import (
	"net/http"
	"strings"
	"testing"
)

// walk reads a table page by page, and returns a column of it.
func (c *client) walk(p Page, column int) (values []string) {
	c.t.Helper()
	for range 1000 {
		var r Rows
		c.call("rows", p, &r)
		for _, row := range r.Rows {
			v, _ := row.Values[column].(string)
			values = append(values, v)
		}
		if r.Next == nil && r.Offset == 0 {
			return values
		}
		p.After, p.Offset = r.Next, r.Offset
	}
	c.t.Fatal("no end")
	return nil
}

// TestPaging: all pages together are the table, in the order that was asked for, with a key of two columns, a unique
// index, no key at all, a view, partitions, and by a column with NULLs and equal values.
func TestPaging(t *testing.T) {
	c := open(t, Config{},
		"CREATE TABLE pair (a int, b text, v int, label text, PRIMARY KEY (a, b))",
		"INSERT INTO pair SELECT i / 7, 'x' || i % 7, CASE WHEN i % 5 > 0 THEN i % 11 END, i::text FROM generate_series(0, 199) i",
		`CREATE TABLE "unique" (a text NOT NULL UNIQUE, v int, c int, label text)`,
		`INSERT INTO "unique" SELECT 'k' || i, i % 3, 0, i::text FROM generate_series(1, 100) i`,
		"CREATE TABLE loose (a int, b int, v int, label text)",
		"INSERT INTO loose SELECT i, i, nullif(i % 4, 0), i::text FROM generate_series(1, 150) i",
		"CREATE VIEW seen AS SELECT * FROM loose ORDER BY a",
		"CREATE TABLE parts (a int, b int, v int, label text, PRIMARY KEY (a)) PARTITION BY RANGE (a)",
		"CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (50)", "CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM (50) TO (999)",
		"INSERT INTO parts SELECT i, i, i % 6, i::text FROM generate_series(1, 120) i",
		"CREATE TABLE nothing ()")
	for _, k := range []struct{ name, order string }{
		{"pair", "a, b"}, {"unique", "a"}, {"loose", "ctid"}, {"seen", "a"}, {"parts", "a"},
	} {
		for _, o := range []struct {
			sort string
			desc bool
			sql  string
		}{{"", false, ""}, {"v", false, "v, "}, {"v", true, "v DESC, "}} {
			if k.name == "seen" && o.sort != "" {
				continue // a view has no key: rows with equal values have no order
			}
			want := c.value("SELECT string_agg(label, ' ' ORDER BY " + o.sql + k.order + `) FROM "` + k.name + `"`)
			for _, limit := range []int{1, 13, 500} {
				p := Page{place: place{Schema: "public", Name: k.name}, Sort: o.sort, Desc: o.desc, Limit: limit}
				if got := strings.Join(c.walk(p, 3), " "); got != want {
					t.Errorf("%s by %s%v, %d a page:\n%s\nnot\n%s", k.name, o.sort, o.desc, limit, got, want)
				}
			}
		}
	}
	want := c.value("SELECT string_agg(label, ' ' ORDER BY a DESC, b DESC) FROM pair")
	if got := strings.Join(c.walk(Page{place: place{Schema: "public", Name: "pair"}, Desc: true, Limit: 9}, 3), " "); got != want {
		t.Error("the key backwards:", got)
	}
	var r Rows
	if c.call("rows", Page{place: place{Schema: "public", Name: "nothing"}, Limit: 5}, &r); len(r.Rows) != 0 || r.Editable {
		t.Error(r)
	}
	c.fails("rows", Page{place: place{Schema: "public", Name: "gone"}, Limit: 5}, http.StatusNotFound)
	c.fails("rows", Page{place: place{Schema: "public", Name: "pair"}, Sort: "gone", Limit: 5}, http.StatusNotFound)
	one := "1"
	c.fails("rows", Page{place: place{Schema: "public", Name: "pair"}, After: []text{&one}, Limit: 5}, http.StatusConflict)
}

// TestIndexed: a page deep within a large table is found by an index, also where it is sorted by another column.
func TestIndexed(t *testing.T) {
	c := open(t, Config{}, "CREATE TABLE large (id int PRIMARY KEY, v int NOT NULL)", "CREATE INDEX ON large (v)",
		"INSERT INTO large SELECT i, i % 1000 FROM generate_series(1, 50000) i", "ANALYZE large")
	table, err := c.s.table(t.Context(), place{Schema: "public", Name: "large"})
	if err != nil {
		t.Fatal(err)
	}
	v, id := "500", "40500"
	for name, p := range map[string]Page{
		"key": {After: []text{&id}, Limit: 100}, "column": {Sort: "v", After: []text{&v, &id}, Limit: 100}, "backwards": {Sort: "v", Desc: true, After: []text{&v, &id}, Limit: 100},
	} {
		q, err := table.page(p)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := c.s.ask(t.Context(), "", "EXPLAIN "+q.String(), q.values...)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, r := range plan.Rows {
			all = append(all, string(r[0]))
		}
		if text := strings.Join(all, "\n"); !strings.Contains(text, "Index Cond") {
			t.Errorf("%s:\n%s\n%s", name, q.String(), text)
		}
	}
}

func TestFilters(t *testing.T) {
	c := open(t, Config{}, "CREATE TABLE f (id int PRIMARY KEY, v text)",
		`INSERT INTO f VALUES (1, 'a%b'), (2, 'axb'), (3, NULL), (4, 'A_B\'), (5, '''; DROP TABLE f; --'), (6, '')`)
	for name, k := range map[string]struct {
		filters []Filter
		want    string
	}{
		"equal":             {[]Filter{{"id", "=", "2"}}, "2"},
		"range":             {[]Filter{{"id", ">=", "2"}, {"id", "<", "4"}}, "2 3"},
		"not equal":         {[]Filter{{"v", "<>", "axb"}}, "1 4 5 6"},
		"contains":          {[]Filter{{"v", "contains", "X"}}, "2"},
		"a percent sign":    {[]Filter{{"v", "contains", "%"}}, "1"},
		"an underscore":     {[]Filter{{"v", "contains", "_"}}, "4"},
		"a backslash":       {[]Filter{{"v", "contains", `\`}}, "4"},
		"SQL":               {[]Filter{{"v", "=", "'; DROP TABLE f; --"}}, "5"},
		"null":              {[]Filter{{"v", "null", ""}}, "3"},
		"not null":          {[]Filter{{"v", "not null", ""}}, "1 2 4 5 6"},
		"an empty string":   {[]Filter{{"v", "=", ""}}, "6"},
		"a number as text":  {[]Filter{{"id", "contains", "1"}}, "1"},
		"none that fits it": {[]Filter{{"id", ">", "99"}}, ""},
	} {
		if got := strings.Join(c.walk(Page{place: place{Schema: "public", Name: "f"}, Filters: k.filters, Limit: 2}, 0), " "); got != k.want {
			t.Errorf("%s: %s, not %s", name, got, k.want)
		}
	}
	p := Page{place: place{Schema: "public", Name: "f"}, Limit: 5}
	p.Filters = []Filter{{"id", "= 1 OR true --", "1"}}
	c.fails("rows", p, http.StatusBadRequest)
	p.Filters = []Filter{{`v" IS NULL OR true --`, "null", ""}}
	c.fails("rows", p, http.StatusNotFound)
	p.Filters = []Filter{{"id", "=", "1 OR true"}}
	if f := c.fails("rows", p, http.StatusUnprocessableEntity); f.Code != "22P02" {
		t.Error(f)
	}
}

// TestHostile: names and values with everything that is dangerous somewhere come through as they are.
func TestHostile(t *testing.T) {
	const schema, name, column = `s"; DROP SCHEMA public; --`, "<script>alert('x')</script>\n\x01", `a"b'c\ <img src=x onerror=alert(1)>`
	value := "</script><b>\x01\x7f\u202e\u2028'\"\\ \t\r\n🙂"
	c := open(t, Config{})
	table := place{Schema: schema, Name: name}.sql()
	for _, q := range []string{`CREATE SCHEMA "` + strings.ReplaceAll(schema, `"`, `""`) + `"`, "CREATE TABLE " + table + " (" + quoted(column) + " text PRIMARY KEY)"} {
		if _, last := c.query(Query{SQL: q}); last.Kind != "done" {
			t.Fatal(last)
		}
	}
	if _, err := c.s.ask(t.Context(), "", "INSERT INTO "+table+" VALUES ($1)", &value); err != nil {
		t.Fatal(err)
	}
	var relations []Relation
	if c.call("relations", in{}, &relations); len(relations) != 1 || relations[0].Schema != schema || relations[0].Name != name {
		t.Error(relations)
	}
	var columns []Column
	if c.call("columns", in{}, &columns); len(columns) != 1 || columns[0].Name != column || !columns[0].Key {
		t.Error(columns)
	}
	p := Page{place: place{Schema: schema, Name: name}, Limit: 5, Sort: column, Filters: []Filter{{column, "=", value}}}
	var r Rows
	if c.call("rows", p, &r); len(r.Rows) != 1 || r.Rows[0].Values[0] != value || *r.Rows[0].Key[0] != value || r.Columns[0].Name != column {
		t.Errorf("%+v", r)
	}
	w := c.saved("cell", Cell{place: p.place, Column: column, Key: r.Rows[0].Key})
	if w.Body.String() != value || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("%q %v", w.Body, w.Header())
	}
	var d Description
	if c.call("describe", p.place, &d); len(d.Columns) != 1 || len(d.Details) == 0 {
		t.Error(d)
	}
}

// TestLongValues: a page has the beginning of a long value, and all of it can be saved.
func TestLongValues(t *testing.T) {
	c := open(t, Config{}, "CREATE TABLE l (id int PRIMARY KEY, t text, b bytea, j jsonb, fits text)",
		"INSERT INTO l VALUES (1, repeat('ü', 5000000), decode(repeat('00ff', 300000), 'hex'), jsonb_build_object('k', repeat('x', 5000)), repeat('y', 256))", "INSERT INTO l VALUES (2, 'short', '\\x01', '1')")
	var r Rows
	w := c.send(t.Context(), "rows", Page{place: place{Schema: "public", Name: "l"}, Limit: 5})
	if w.Body.Len() > 10000 {
		t.Error("the page has", w.Body.Len(), "bytes")
	}
	c.call("rows", Page{place: place{Schema: "public", Name: "l"}, Limit: 5}, &r)
	beginning := func(v any) string { m, _ := v.(map[string]any); s, _ := m["cut"].(string); return s }
	row := r.Rows[0].Values
	if beginning(row[1]) != strings.Repeat("ü", preview) || !strings.HasPrefix(beginning(row[2]), `\x00ff`) || !strings.HasPrefix(beginning(row[3]), `{"k": "xx`) || row[4] != strings.Repeat("y", 256) {
		t.Errorf("%.80v %.80v %.80v %.80v", row[1], row[2], row[3], row[4])
	}
	if row := r.Rows[1].Values; row[1] != "short" || row[2] != `\x01` || row[3] != "1" || row[4] != nil {
		t.Error(row)
	}
	for column, want := range map[string]string{"t": strings.Repeat("ü", 5000000), "b": strings.Repeat("\x00\xff", 300000)} {
		if got := c.saved("cell", Cell{place: place{Schema: "public", Name: "l"}, Column: column, Key: r.Rows[0].Key}).Body.String(); got != want {
			t.Errorf("%s: %d bytes, not %d", column, len(got), len(want))
		}
	}
	three := "3"
	if w := c.saved("cell", Cell{place: place{Schema: "public", Name: "l"}, Column: "t", Key: []text{&three}}); w.Code != http.StatusConflict {
		t.Error(w.Code)
	}
	// By a value that is too long for it pages cannot be sorted, but the first is there to be seen.
	if f := c.fails("rows", Page{place: place{Schema: "public", Name: "l"}, Limit: 1, Sort: "t", Desc: true}, http.StatusUnprocessableEntity); f.Hint == "" {
		t.Error(f)
	}
}
