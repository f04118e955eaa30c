package studio

import (
	"context"
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"nself.org/embeddedpg/internal/migrate"
)

// Explain asks for the plan of one statement.
type Explain struct {
	in
	SQL     string `json:"sql"`
	Analyze bool   `json:"analyze"` // run it, and say how long each part took; what it changes is rolled back
}

// Plan is what EXPLAIN says, as JSON: https://www.postgresql.org/docs/current/sql-explain.html.
type Plan struct {
	Plan json.RawMessage `json:"plan"`
}

// explainPlan explains a statement. Each is alone in its text (the extended protocol takes no second one), and is run, if it
// is run at all, in a transaction that is rolled back.
func (s *Studio) explainPlan(ctx context.Context, e Explain) (Plan, error) {
	statements, err := migrate.Statements(e.SQL)
	if err == nil && len(statements) != 1 {
		err = &wrong{failure{Message: "one statement can be explained at a time", Hint: "select the one that is meant"}, http.StatusBadRequest}
	}
	if err != nil {
		return Plan{}, err
	}
	c, err := s.session(ctx, e.Database, func(any) {})
	if err != nil {
		return Plan{}, err
	}
	defer c.Close(context.WithoutCancel(ctx))
	begin := "BEGIN"
	if s.config.ReadOnly {
		begin = "BEGIN READ ONLY; SELECT 1"
	}
	if _, err := c.PgConn().Exec(ctx, begin).ReadAll(); err != nil {
		return Plan{}, err
	}
	options := "EXPLAIN (FORMAT JSON, VERBOSE, SETTINGS) "
	if e.Analyze {
		options = "EXPLAIN (FORMAT JSON, VERBOSE, SETTINGS, ANALYZE, BUFFERS, WAL) "
	}
	at := statements[0]
	found := &onlyValue{}
	err = exchange(ctx, c.PgConn(), options+e.SQL[at.First:at.End], 0, found, func(string) {})
	if err == nil {
		_, err = c.Exec(ctx, "ROLLBACK")
	}
	return Plan{json.RawMessage(found.value)}, moved(err, utf8.RuneCountInString(e.SQL[:at.First])-len(options))
}

// onlyValue keeps the one value of a result.
type onlyValue struct{ value []byte }

func (v *onlyValue) columns([]ResultColumn) {}

func (v *onlyValue) row(values [][]byte) error {
	v.value = append([]byte(nil), values[0]...)
	return nil
}
