package studio

import (
	"context"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Value is what a column is to be, or was when the page read it.
type Value struct {
	Column string `json:"column"`
	Old    text   `json:"old"`
	New    text   `json:"new"`
}

// Change changes one row, or takes it away.
type Change struct {
	place
	Key    []text  `json:"key"`
	Values []Value `json:"values"`
}

// update changes a row that has a key, if the values that are changed are still the old ones.
func (s *Studio) update(ctx context.Context, c Change) (none, error) {
	return none{}, s.change(ctx, c, func(t *table, q *statement) {
		q.add("UPDATE ", t.sql(), " t SET ")
		for i, v := range c.Values {
			if i > 0 {
				q.add(", ")
			}
			q.add(quoted(v.Column), " = ", q.value(v.New))
		}
	})
}

// remove deletes a row that has a key, if the values that are given are still the old ones.
func (s *Studio) remove(ctx context.Context, c Change) (none, error) {
	return none{}, s.change(ctx, c, func(t *table, q *statement) { q.add("DELETE FROM ", t.sql(), " t") })
}

// change runs a statement for exactly one row. The old values are compared as text, as the page had them: not
// every type has an operator for it.
func (s *Studio) change(ctx context.Context, c Change, begin func(*table, *statement)) error {
	t, err := s.editable(ctx, c)
	if err != nil {
		return err
	}
	q := &statement{}
	begin(t, q)
	q.add(" WHERE ", t.is(q, c.Key))
	for _, v := range c.Values {
		q.add(" AND ", column(v.Column), "::text IS NOT DISTINCT FROM ", q.value(v.Old), "::text")
	}
	return s.within(ctx, c.Database, func(tx pgx.Tx) error {
		r, err := run(ctx, tx.Conn().PgConn(), q.String(), q.values...)
		switch {
		case err != nil:
			return err
		case r.CommandTag.RowsAffected() == 0:
			return t.changed(ctx, tx, c.Key)
		case r.CommandTag.RowsAffected() > 1:
			return &wrong{failure{Message: "more than one row has this key", Hint: "tables that inherit from it have rows of the same key: use a query"}, http.StatusConflict}
		}
		return nil
	})
}

// editable is a table whose rows can be changed by their key, with the columns that a change names.
func (s *Studio) editable(ctx context.Context, c Change) (*table, error) {
	if s.config.ReadOnly {
		return nil, errReadOnly()
	}
	t, err := s.table(ctx, c.place)
	if err != nil {
		return nil, err
	}
	if t.key == nil || len(t.key) != len(c.Key) {
		return nil, &wrong{failure{Message: "the table's rows cannot be told apart", Hint: "it needs a primary key, or a unique index on columns that are not null"}, http.StatusConflict}
	}
	if len(c.Values) == 0 {
		return nil, &wrong{failure{Message: "there is nothing to change"}, http.StatusBadRequest}
	}
	for _, v := range c.Values {
		if _, err := t.attribute(v.Column); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// within runs f in a transaction, which is rolled back if f fails.
func (s *Studio) within(ctx context.Context, database string, f func(pgx.Tx) error) error {
	pool, err := s.pools.get(database)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, pool, f)
}

// changed tells what a row is now.
func (t *table) changed(ctx context.Context, tx pgx.Tx, key []text) error {
	q := &statement{}
	q.add("SELECT ")
	for i, a := range t.attributes {
		if i > 0 {
			q.add(", ")
		}
		q.add(a.shown())
	}
	q.add(" FROM ", t.sql(), " t WHERE ", t.is(q, key))
	r, err := run(ctx, tx.Conn().PgConn(), q.String(), q.values...)
	if err != nil {
		return err
	}
	if len(r.Rows) == 0 {
		return errNoRow()
	}
	now := Row{Key: key}
	for i, a := range t.attributes {
		now.Values = append(now.Values, a.cell(r.Rows[0][i]))
	}
	return &wrong{failure{Message: "the row has changed since it was read", Row: now}, http.StatusConflict}
}

// insert adds a row; columns that are not named have their defaults.
func (s *Studio) insert(ctx context.Context, c Change) (none, error) {
	if s.config.ReadOnly {
		return none{}, errReadOnly()
	}
	t, err := s.table(ctx, c.place)
	if err != nil {
		return none{}, err
	}
	q := &statement{}
	var names, values []string
	for _, v := range c.Values {
		if _, err := t.attribute(v.Column); err != nil {
			return none{}, err
		}
		names = append(names, quoted(v.Column))
		values = append(values, q.value(v.New))
	}
	q.add("INSERT INTO ", t.sql())
	if names == nil {
		q.add(" DEFAULT VALUES")
	} else {
		q.add(" (", strings.Join(names, ", "), ") VALUES (", strings.Join(values, ", "), ")")
	}
	_, err = s.ask(ctx, c.Database, q.String(), q.values...)
	return none{}, err
}
