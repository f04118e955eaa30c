package studio

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

func TestQuery(t *testing.T) {
	c := open(t, Config{Rows: 10}, "CREATE TABLE q (i int PRIMARY KEY)", "INSERT INTO q SELECT generate_series(1, 100)")
	rows, last := c.query(Query{SQL: "SELECT i, NULL, '' FROM q ORDER BY 1"})
	if len(rows) != 10 || !last.More || rows[9][0] != "10" || rows[9][1] != nil || rows[9][2] != "" {
		t.Error(rows, last)
	}
	if rows, last := c.query(Query{SQL: "SELECT i FROM q WHERE i <= 10"}); len(rows) != 10 || last.More || last.Tag != "SELECT 10" {
		t.Error(len(rows), last)
	}
	// A statement that changes data does all of it, however few of its rows are shown.
	if rows, last := c.query(Query{SQL: "UPDATE q SET i = i + 1000 RETURNING i"}); len(rows) != 10 || !last.More {
		t.Error(len(rows), last)
	}
	if got := c.value("SELECT count(*) FROM q WHERE i > 1000"); got != "100" {
		t.Error(got, "rows are changed")
	}
	// Several statements are one session's, which ends with them.
	rows, last = c.query(Query{SQL: "CREATE TEMP TABLE t (i int); INSERT INTO t VALUES (1), (2); SELECT sum(i) FROM t; SET work_mem = '8MB';; BEGIN; INSERT INTO q VALUES (1)"})
	if len(rows) != 1 || rows[0][0] != "3" || last.Tag != "INSERT 0 1" || !last.Open {
		t.Error(rows, last)
	}
	if got := c.value("SELECT count(*) FROM q WHERE i = 1"); got != "0" {
		t.Error("what was not committed stayed")
	}
	// The first mistake is the end.
	_, last = c.query(Query{SQL: "INSERT INTO q VALUES (1);\nSELECT 1/0; INSERT INTO q VALUES (2)"})
	if got := c.value("SELECT count(*) FROM q WHERE i < 3"); last.Code != "22012" || got != "1" {
		t.Error(last, got)
	}
	for sql, want := range map[string]string{"": "no statement", " -- nothing\n": "no statement", "\\d": "psql", "COPY q TO STDOUT": "COPY", "COPY q FROM STDIN": "COPY"} {
		if _, last := c.query(Query{SQL: sql}); last.Kind != "error" || !strings.Contains(last.Message, want) {
			t.Error(sql, last)
		}
	}
	// A long value is cut.
	rows, _ = c.query(Query{SQL: "SELECT repeat('ü', 30000000)"})
	if m, _ := rows[0][0].(map[string]any); m["bytes"] != float64(60000000) || m["cut"] != strings.Repeat("ü", maxCell/2) {
		t.Errorf("%.100v", rows)
	}
	notices := 0
	for _, m := range c.lines(t.Context(), "query", Query{SQL: "DO $$ BEGIN RAISE NOTICE 'hello; <b>'; END $$"}) {
		if m.Kind == "notice" && m.Message == "hello; <b>" {
			notices++
		}
	}
	if notices != 1 {
		t.Error(notices, "notices")
	}
}

// TestPosition: a mistake's place is counted in the whole text, in characters.
func TestPosition(t *testing.T) {
	c := open(t, Config{})
	for _, sql := range []string{"SELECT ^nme FROM pg_class", "SELECT 'ü🙂'; -- ü\n\nSELECT\n  1 +\n ^nme", "SELECT 1; SELEC^", "/* ü */ ^SELET 1"} {
		want := len([]rune(sql[:strings.Index(sql, "^")])) + 1
		if strings.HasSuffix(sql, "SELEC^") {
			want = len("SELECT 1; ") + 1
		}
		if _, last := c.query(Query{SQL: strings.Replace(sql, "^", "", 1)}); last.Position != want {
			t.Errorf("%q: at %d, not %d: %v", sql, last.Position, want, last.failure)
		}
	}
}

// TestReadOnly: no way leads out of it, neither where the studio is read-only nor where one query is.
func TestReadOnly(t *testing.T) {
	c := open(t, Config{ReadOnly: true}, "CREATE TABLE r (i int)", "INSERT INTO r VALUES (1)", "CREATE SEQUENCE s",
		"CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; DELETE FROM r; END $$")
	for _, sql := range []string{
		"DELETE FROM r", "SELECT nextval('s')", "CREATE TABLE x ()", "WITH d AS (DELETE FROM r RETURNING i) SELECT * FROM d", "EXPLAIN ANALYZE DELETE FROM r",
		"SET TRANSACTION READ WRITE", "SET transaction_read_only = off", "SELECT set_config('transaction_read_only', 'off', false)", "CALL p()",
		"DO $$ BEGIN COMMIT; DELETE FROM r; END $$", "DO $$ BEGIN DELETE FROM r; END $$",
		"COMMIT; DELETE FROM r", "ROLLBACK; SET default_transaction_read_only = off; DELETE FROM r", "SET default_transaction_read_only = off; DELETE FROM r",
		"SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; COMMIT AND CHAIN; DELETE FROM r", "COMMIT; BEGIN READ WRITE; DELETE FROM r; COMMIT",
	} {
		if _, last := c.query(Query{SQL: sql}); last.Kind != "error" {
			t.Errorf("%s: %v", sql, last)
		}
		c.s.config.ReadOnly = false
		if _, last := c.query(Query{SQL: sql, ReadOnly: true}); last.Kind != "error" {
			t.Errorf("%s, read-only for once: %v", sql, last)
		}
		c.s.config.ReadOnly = true
		c.saved("export", Query{SQL: sql})
	}
	if rows, last := c.query(Query{SQL: "SELECT * FROM r"}); len(rows) != 1 || last.Kind != "done" {
		t.Error(rows, last)
	}
	if got := c.value("SELECT count(*) || ' ' || (SELECT is_called FROM s) FROM r"); got != "1 false" {
		t.Error("changed:", got)
	}
}

// TestStopped: a query ends on the server when the browser goes, and when its time is over.
func TestStopped(t *testing.T) {
	c := open(t, Config{Timeout: 300 * time.Millisecond})
	if _, last := c.query(Query{SQL: "SELECT pg_sleep(60)"}); last.Code != "57014" {
		t.Error(last)
	}
	c.s.config.Timeout = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan []message)
	go func() { done <- c.lines(ctx, "query", Query{SQL: "SELECT pg_sleep(60), 'the one'"}) }()
	const running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%the one''' AND state = 'active' AND pid <> pg_backend_pid()"
	for i := 0; c.value(running) == "0" && i < 500; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
	}
	for i := 0; c.value(running) != "0"; i++ {
		if i > 500 {
			t.Fatal("it goes on in the server")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestHistory(t *testing.T) {
	c := open(t, Config{})
	for _, sql := range []string{"SELECT 1", "SELECT 'a secret'", "SELEKT"} {
		c.query(Query{SQL: sql})
	}
	var list []Entry
	if c.call("history", none{}, &list); len(list) != 3 || list[0].SQL != "SELEKT" || list[0].Error == "" || list[2].Rows != 1 {
		t.Error(list)
	}
	if st, err := os.Stat(c.s.history.path); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st.Mode(), err)
	}
	// What is not a line of ours is not shown, and an old one makes room.
	f, err := os.OpenFile(c.s.history.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("{half\n" + strings.Repeat(`{"sql":"x"}`+"\n", maxEntries))
	f.Close()
	if err := c.s.history.add(Entry{SQL: "last"}); err != nil {
		t.Fatal(err)
	}
	if c.call("history", none{}, &list); len(list) != maxEntries || list[0].SQL != "last" || list[maxEntries-1].SQL != "x" {
		t.Error(len(list), list[0])
	}
	var n none
	c.call("history/clear", none{}, &n)
	if c.call("history", none{}, &list); len(list) != 0 {
		t.Error(list)
	}
}

func TestExport(t *testing.T) {
	c := open(t, Config{Rows: 2}, "CREATE TABLE e AS SELECT i, CASE WHEN i = 2 THEN E'a,\"b\nc' END AS t FROM generate_series(1, 3000) i")
	w := c.saved("export", Query{SQL: "SELECT * FROM e ORDER BY i"})
	if body := w.Body.String(); !strings.HasPrefix(body, "i,t\n1,\n2,\"a,\"\"b\nc\"\n3,\n") || strings.Count(body, "\n") != 3002 {
		t.Errorf("%.60q %v", body, w.Header())
	}
	if w := c.saved("export", Query{SQL: "SELECT 1; SELECT 2"}); w.Code != 400 {
		t.Error(w.Code)
	}
	if w := c.saved("export", Query{SQL: "SELECT nme"}); w.Code != 422 || !strings.Contains(w.Body.String(), "42703") {
		t.Error(w.Code, w.Body)
	}
}
