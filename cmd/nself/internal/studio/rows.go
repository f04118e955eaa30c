package studio

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Filter is one condition; all of a page's have to hold.
type Filter struct {
	Column string `json:"column"`
	Op     string `json:"op"`
	Value  string `json:"value"`
}

// Page asks for a page of a table's rows.
type Page struct {
	place
	Filters []Filter `json:"filters"`
	Sort    string   `json:"sort"` // a column; "": by the key
	Desc    bool     `json:"desc"`
	After   []text   `json:"after"`  // Next of the page before
	Offset  int      `json:"offset"` // of the same, where rows have no order
	Limit   int      `json:"limit"`
}

// Row is a row: each of its values a string, null, or an object {"cut": its beginning}.
type Row struct {
	Key    []text `json:"key"`
	Values []any  `json:"values"`
}

// cut is a value that is too long to be shown.
type cut struct {
	Cut string `json:"cut"`
}

// Rows is a page.
type Rows struct {
	Columns  []attribute `json:"columns"`
	Editable bool        `json:"editable"` // its rows can be told apart by a key
	Ordered  bool        `json:"ordered"`
	Rows     []Row       `json:"rows"`
	Next     []text      `json:"next"`   // nil: this is the last
	Offset   int         `json:"offset"` // of the next one, where rows have no order; 0: this is the last
}

// Limits of a page.
const (
	maxPage   = 500
	maxCursor = 4096 // characters of a value by which pages are sorted
)

func (s *Studio) rows(ctx context.Context, p Page) (Rows, error) {
	t, err := s.table(ctx, p.place)
	if err != nil {
		return Rows{}, err
	}
	p.Limit = max(1, min(p.Limit, maxPage))
	q, err := t.page(p)
	if err != nil {
		return Rows{}, err
	}
	found, err := s.ask(ctx, p.Database, q.String(), q.values...)
	if err != nil {
		return Rows{}, err
	}
	order := t.order()
	out := Rows{Columns: t.attributes, Editable: t.key != nil && !s.config.ReadOnly, Ordered: order != nil, Rows: []Row{}}
	cursor := len(order)
	if p.Sort != "" {
		cursor++
	}
	for i, r := range found.Rows {
		if i == p.Limit {
			out.Next, out.Offset, err = next(p, found.Rows[i-1][:cursor], order != nil)
			return out, err
		}
		row := Row{Key: []text{}}
		for _, v := range r[cursor-len(order) : cursor] {
			row.Key = append(row.Key, toText(v))
		}
		for j, a := range t.attributes {
			row.Values = append(row.Values, a.cell(r[cursor+j]))
		}
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}

// next is where the page after this one begins.
func next(p Page, last [][]byte, ordered bool) ([]text, int, error) {
	if !ordered {
		return nil, p.Offset + p.Limit, nil
	}
	var after []text
	for _, v := range last {
		after = append(after, toText(v))
	}
	if p.Sort != "" && utf8.RuneCount(last[0]) > maxCursor {
		return nil, 0, &wrong{failure{Message: "a value is too long to sort pages by it", Hint: "sort by another column, or filter"}, http.StatusUnprocessableEntity}
	}
	return after, 0, nil
}

// cell is a value as a page shows it.
func (a attribute) cell(b []byte) any {
	switch {
	case b == nil:
		return nil
	case a.Bytes && len(b) >= 2+preview:
		return cut{string(b)}
	case a.Long && utf8.RuneCount(b) > preview:
		_, n := utf8.DecodeLastRune(b)
		return cut{string(b[:len(b)-n])}
	}
	return string(b)
}

// page is the query for a page: first the value that it is sorted by, then the key, then each column.
func (t *table) page(p Page) (*statement, error) {
	q, order := &statement{}, t.order()
	q.add("SELECT ")
	var by []string
	if p.Sort != "" {
		a, err := t.attribute(p.Sort)
		if err != nil {
			return nil, err
		}
		q.add("left(", column(a.Name), "::text, ", strconv.Itoa(maxCursor+1), "), ")
		by = append(by, column(a.Name)+direction(p.Desc))
	}
	for _, key := range order {
		q.add(key, "::text, ")
		by = append(by, key+direction(p.Desc && p.Sort == ""))
	}
	for i, a := range t.attributes {
		if i > 0 {
			q.add(", ")
		}
		q.add(a.shown())
	}
	if len(t.attributes) == 0 {
		q.add("NULL")
	}
	// The rows are chosen first: else a sort would make text of every value of the table.
	q.add(" FROM (SELECT ")
	if t.key == nil && order != nil {
		q.add("t.ctid, ")
	}
	q.add("t.* FROM ", t.sql(), " t")
	conditions, err := t.conditions(q, p)
	if err != nil {
		return nil, err
	}
	if len(conditions) > 0 {
		q.add(" WHERE ", strings.Join(conditions, " AND "))
	}
	sorted := ""
	if len(by) > 0 {
		sorted = " ORDER BY " + strings.Join(by, ", ")
	}
	q.add(sorted, " LIMIT ", strconv.Itoa(p.Limit+1))
	if order == nil && p.Offset > 0 {
		q.add(" OFFSET ", strconv.Itoa(p.Offset))
	}
	q.add(") t", sorted)
	return q, nil
}

func direction(desc bool) string {
	if desc {
		return " DESC" // NULL first, as indexes have it
	}
	return ""
}

// conditions are the filters, and that a row comes after the page before.
func (t *table) conditions(q *statement, p Page) ([]string, error) {
	var all []string
	for _, f := range p.Filters {
		if _, err := t.attribute(f.Column); err != nil {
			return nil, err
		}
		c, err := f.condition(q)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	order := t.order()
	if p.After == nil || order == nil {
		return all, nil
	}
	if p.Sort == "" && len(p.After) != len(order) || p.Sort != "" && len(p.After) != len(order)+1 {
		return nil, &wrong{failure{Message: "the table's key has changed", Hint: "begin with the first page again"}, http.StatusConflict}
	}
	if p.Sort == "" {
		return append(all, beyond(q, order, p.After, p.Desc)), nil
	}
	a, err := t.attribute(p.Sort)
	return append(all, sorted(q, a, order, p)), err
}

// beyond is that a row's key comes after another.
func beyond(q *statement, order []string, after []text, desc bool) string {
	var values []string
	for _, v := range after {
		values = append(values, q.value(v))
	}
	sign := " > "
	if desc {
		sign = " < "
	}
	return "(" + strings.Join(order, ", ") + ")" + sign + "(" + strings.Join(values, ", ") + ")"
}

// sorted is that a row comes after another where a column's value comes before the key. NULL is the last, or DESC the first.
// The comparison that is outside the parentheses is what an index is searched by.
func sorted(q *statement, a attribute, order []string, p Page) string {
	name := column(a.Name)
	if p.After[0] == nil {
		key := beyond(q, order, p.After[1:], false)
		if p.Desc {
			return "(" + name + " IS NOT NULL OR " + key + ")"
		}
		return "(" + name + " IS NULL AND " + key + ")"
	}
	sign, last := ">", !a.NotNull && !p.Desc
	if p.Desc {
		sign = "<"
	}
	v := q.value(p.After[0])
	c := name + " " + sign + "= " + v + " AND (" + name + " " + sign + " " + v + " OR " + beyond(q, order, p.After[1:], false) + ")"
	if last {
		return "(" + c + " OR " + name + " IS NULL)"
	}
	return "(" + c + ")"
}
