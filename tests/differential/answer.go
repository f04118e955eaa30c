package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// An answer is what a server says to a statement.
type answer struct {
	rows    []string // in order of their text: a query without ORDER BY may give them in any
	tag     string
	state   string // SQLSTATE; "lost" where the session ended
	message string
}

// ask sends a statement by the simple protocol. Values come as text.
func ask(ctx context.Context, conn *pgconn.PgConn, sql string) (a answer) {
	reader := conn.Exec(ctx, sql)
	for reader.NextResult() {
		result := reader.ResultReader()
		for result.NextRow() {
			var b strings.Builder
			for _, v := range result.Values() {
				if v == nil {
					b.WriteString("|NULL")
				} else {
					fmt.Fprintf(&b, "|%q", v)
				}
			}
			a.rows = append(a.rows, b.String())
		}
		tag, _ := result.Close() // the error comes from the reader too
		a.tag = tag.String()
	}
	err := reader.Close()
	var e *pgconn.PgError
	switch {
	case err == nil:
	case errors.As(err, &e):
		a.state, a.message = e.Code, e.Message
		if e.Severity == "FATAL" || e.Severity == "PANIC" {
			a.state = "lost"
		}
	default:
		a.state, a.message = "lost", err.Error()
	}
	if !strings.HasPrefix(sql, "EXPLAIN") {
		slices.Sort(a.rows)
	}
	return a
}

// slow reports whether the statement was ended by its timeout, or for want of memory: how much there is differs.
func (a answer) slow() bool {
	return a.state == "57014" || a.state == "53200" || a.state == "54000" && strings.Contains(a.message, "memory")
}

func (a answer) equal(b answer) bool {
	if a.state != "" || b.state != "" {
		return a.state == b.state
	}
	return a.tag == b.tag && slices.Equal(a.rows, b.rows)
}

func (a answer) String() string {
	if a.state != "" {
		return a.state + " " + a.message
	}
	text := strings.Join(a.rows, "\n--         ")
	if len(text) > 1500 {
		text = text[:1500] + " ..."
	}
	return a.tag + " " + text
}
