package studio

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/pgxembed"
)

// TestSessions: one session waits for another's lock; the statement of the first is canceled, and the second is ended.
func TestSessions(t *testing.T) {
	c := open(t, Config{}, "CREATE TABLE s (i int PRIMARY KEY)", "INSERT INTO s VALUES (1)")
	pg, err := server()
	if err != nil {
		t.Fatal(err)
	}
	holder, err := pgxembed.Connect(t.Context(), pg, c.s.config.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.WithoutCancel(t.Context()))
	waiter, err := pgxembed.Connect(t.Context(), pg, c.s.config.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer waiter.Close(context.WithoutCancel(t.Context()))
	if _, err := holder.Exec(t.Context(), "BEGIN; UPDATE s SET i = 2"); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := waiter.Exec(t.Context(), "UPDATE s SET i = 3")
		failed <- err
	}()
	hold, wait := int32(holder.PgConn().PID()), int32(waiter.PgConn().PID())
	var found Session
	for i := 0; len(found.BlockedBy) == 0; i++ {
		var all []Session
		c.call("sessions", in{}, &all)
		for _, s := range all {
			if s.PID == wait {
				found = s
			}
		}
		if i > 500 {
			t.Fatal("nothing waits", all)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if found.BlockedBy[0] != hold || found.State != "active" || !strings.HasPrefix(found.Wait, "Lock") || !strings.Contains(strings.Join(found.Locks, " "), "on s") || found.Query != "UPDATE s SET i = 3" {
		t.Errorf("%+v", found)
	}
	var done none
	c.call("sessions/end", End{PID: wait}, &done)
	if err := <-failed; err == nil || err.(*pgconn.PgError).Code != "57014" { //nolint:errorlint // pgx returns it as it is
		t.Error(err)
	}
	c.call("sessions/end", End{PID: hold, Session: true}, &done)
	if _, err := holder.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("the session goes on")
	}
	c.fails("sessions/end", End{PID: 1}, http.StatusConflict) // the postmaster, or nobody
	c.s.config.ReadOnly = true
	c.fails("sessions/end", End{PID: wait}, http.StatusForbidden)
}

func TestMetrics(t *testing.T) {
	c := open(t, Config{}, "CREATE TABLE m (i int)")
	var a, b Sample
	c.call("metrics", none{}, &a)
	if _, last := c.query(Query{SQL: "INSERT INTO m SELECT generate_series(1, 1000)"}); last.Kind != "done" {
		t.Fatal(last)
	}
	for i := 0; b.Changed-a.Changed < 1000; i++ { // a session reports when it ends, or is idle for a while
		if c.call("metrics", none{}, &b); i > 500 {
			t.Fatalf("%+v %+v", a, b)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if b.At <= a.At || b.Commits <= a.Commits || b.WAL <= a.WAL || b.Limit < 1 {
		t.Errorf("%+v %+v", a, b)
	}
}

func TestExplain(t *testing.T) {
	c := open(t, Config{}, "CREATE TABLE x AS SELECT generate_series(1, 100) AS i")
	plan := func(e Explain) (node struct {
		Plan map[string]any
		Time float64 `json:"Execution Time"`
	},
	) {
		t.Helper()
		var p Plan
		c.call("explain", e, &p)
		all := []any{&node}
		if err := json.Unmarshal(p.Plan, &all); err != nil {
			t.Fatal(string(p.Plan), err)
		}
		return node
	}
	if n := plan(Explain{SQL: "SELECT * FROM x"}); n.Plan["Node Type"] != "Seq Scan" || n.Plan["Actual Rows"] != nil {
		t.Error(n)
	}
	if n := plan(Explain{SQL: "DELETE FROM x;", Analyze: true}); n.Plan["Actual Rows"] == nil || n.Time <= 0 {
		t.Error(n)
	}
	if got := c.value("SELECT count(*) FROM x"); got != "100" {
		t.Error("EXPLAIN ANALYZE changed the table:", got)
	}
	if f := c.fails("explain", Explain{SQL: " SELECT nme FROM x"}, http.StatusUnprocessableEntity); f.Position != len(" SELECT ")+1 {
		t.Error(f)
	}
	c.fails("explain", Explain{SQL: "SELECT 1; SELECT 2"}, http.StatusBadRequest)
	c.s.config.ReadOnly = true
	if f := c.fails("explain", Explain{SQL: "DELETE FROM x", Analyze: true}, http.StatusUnprocessableEntity); f.Code != "25006" {
		t.Error(f)
	}
}

// fakeBackups notes what is asked of it.
type fakeBackups struct{ restored string }

func (*fakeBackups) List(context.Context) ([]Backup, error) { return []Backup{{ID: "one"}}, nil }

func (*fakeBackups) Create(_ context.Context, database string, progress func(string)) (string, error) {
	progress("Dumping")
	progress("Dumping")
	return "of " + database, nil
}

func (*fakeBackups) Verify(_ context.Context, id string, _ func(string)) (string, error) {
	return "", errReadOnly()
}

func (f *fakeBackups) Restore(_ context.Context, id, database string, _ func(string)) (string, error) {
	f.restored = id + " " + database
	return "done", nil
}

func TestBackups(t *testing.T) {
	fake := &fakeBackups{}
	c := open(t, Config{Backups: fake})
	var list []Backup
	if c.call("backups", none{}, &list); len(list) != 1 || list[0].ID != "one" {
		t.Error(list)
	}
	if got := c.lines(t.Context(), "backups/create", Backing{}); len(got) != 2 || got[0].Text != "Dumping" || got[1].Kind != "finished" || got[1].Text != "of testbackups" {
		t.Error(got)
	}
	if got := c.lines(t.Context(), "backups/verify", Backing{ID: "one"}); len(got) != 1 || got[0].Kind != "error" {
		t.Error(got)
	}
	c.lines(t.Context(), "backups/restore", Backing{ID: "one", in: in{"new"}})
	if fake.restored != "one new" {
		t.Error(fake)
	}
	c.s.config.ReadOnly = true
	if got := c.lines(t.Context(), "backups/restore", Backing{ID: "two", in: in{"new"}}); got[0].Kind != "error" || fake.restored != "one new" {
		t.Error(got)
	}
}
