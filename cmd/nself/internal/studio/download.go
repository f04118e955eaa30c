package studio

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg/internal/migrate"
)

// form reads the request of a download: a form, as a browser sends it that saves the answer as a file, with the JSON of the
// input in one field.
func form(w http.ResponseWriter, r *http.Request, in any) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	d := json.NewDecoder(strings.NewReader(r.PostFormValue("in")))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return false
	}
	return true
}

// attachment has the browser save the answer, whatever is in it.
func attachment(w http.ResponseWriter, kind, name string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

// Cell names one value of a table.
type Cell struct {
	place
	Column string `json:"column"`
	Key    []text `json:"key"`
}

// cell hands out a whole value: text as it is, bytea as bytes.
func (s *Studio) cell(w http.ResponseWriter, r *http.Request) {
	var c Cell
	if !form(w, r, &c) {
		return
	}
	t, err := s.table(r.Context(), c.place)
	if err != nil {
		fail(w, err)
		return
	}
	a, err := t.attribute(c.Column)
	if err == nil && (len(c.Key) == 0 || len(c.Key) != len(t.order())) {
		err = &wrong{failure{Message: "the table's rows cannot be told apart"}, http.StatusConflict}
	}
	if err != nil {
		fail(w, err)
		return
	}
	b, err := s.whole(r.Context(), t, a, c.Key)
	if err != nil {
		fail(w, err)
		return
	}
	if a.Bytes {
		attachment(w, "application/octet-stream", "value.bin")
	} else {
		attachment(w, "text/plain; charset=utf-8", "value.txt")
	}
	_, _ = w.Write(b) // who went away misses nothing
}

// whole reads one value. In the binary format, bytea is its bytes, and text is as it is in the other one.
func (s *Studio) whole(ctx context.Context, t *table, a attribute, key []text) ([]byte, error) {
	pool, err := s.pools.get(t.Database)
	if err != nil {
		return nil, err
	}
	c, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Release()
	value := column(a.Name)
	if !a.Bytes {
		value += "::text"
	}
	q := &statement{}
	q.add("SELECT ", value, " FROM ", t.sql(), " t WHERE ", t.is(q, key))
	found := c.Conn().PgConn().ExecParams(ctx, q.String(), toBytes(q.values), nil, nil, []int16{pgx.BinaryFormatCode}).Read()
	if found.Err == nil && len(found.Rows) == 0 {
		return nil, errNoRow()
	}
	if found.Err != nil {
		return nil, found.Err
	}
	return found.Rows[0][0], nil
}

func errNoRow() error {
	return &wrong{failure{Message: "the row is not there any more"}, http.StatusConflict}
}

// is that a row has a key.
func (t *table) is(q *statement, key []text) string {
	var all []string
	for i, name := range t.order() {
		all = append(all, name+" = "+q.value(key[i]))
	}
	return strings.Join(all, " AND ")
}

// export runs a query in a read-only transaction, and hands out all of its rows as CSV.
func (s *Studio) export(w http.ResponseWriter, r *http.Request) {
	var q Query
	if !form(w, r, &q) {
		return
	}
	ctx := r.Context()
	statements, err := migrate.Statements(q.SQL)
	if err == nil && len(statements) != 1 {
		err = &wrong{failure{Message: "one statement can be exported at a time"}, http.StatusBadRequest}
	}
	if err != nil {
		fail(w, err)
		return
	}
	c, err := s.session(ctx, q.Database, func(any) {})
	if err != nil {
		fail(w, err)
		return
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, "BEGIN READ ONLY"); err != nil {
		fail(w, err)
		return
	}
	sheet := &sheet{http: w}
	sheet.csv = csv.NewWriter(sheet)
	if err := exchange(ctx, c.PgConn(), q.SQL[statements[0].First:statements[0].End], 0, sheet, func(string) {}); err != nil {
		if sheet.begun {
			panic(http.ErrAbortHandler) // the browser shall see that the file is not whole
		}
		w.Header().Del("Content-Disposition")
		fail(w, err)
		return
	}
	sheet.csv.Flush()
}

// sheet writes rows as CSV. NULL and the empty string are the same there.
type sheet struct {
	http  http.ResponseWriter
	csv   *csv.Writer
	begun bool // something has been sent
}

func (s *sheet) Write(p []byte) (int, error) {
	s.begun = true
	return s.http.Write(p)
}

func (s *sheet) columns(list []ResultColumn) {
	attachment(s.http, "text/csv; charset=utf-8", "result.csv")
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.Name
	}
	_ = s.csv.Write(names) // row sees the error
}

func (s *sheet) row(values [][]byte) error {
	fields := make([]string, len(values))
	for i, v := range values {
		fields[i] = string(v)
	}
	return s.csv.Write(fields)
}
