package studio

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/testenv"
	"nself.org/embeddedpg/pgxembed"
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m.Run)) }

// server is shared by the tests; each makes a database of its own in it.
var server = sync.OnceValues(func() (*embeddedpg.Server, error) {
	return embeddedpg.Start(context.Background(), embeddedpg.Config{Settings: map[string]string{"fsync": "off"}})
})

// client is a browser that was let into a studio.
type client struct {
	t           *testing.T
	s           *Studio
	cookie, key string
}

// open makes a database of the test's name and a studio of it.
func open(t *testing.T, c Config, sql ...string) *client {
	t.Helper()
	pg, err := server()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := pgxembed.Connect(t.Context(), pg, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.WithoutCancel(t.Context()))
	name := strings.ToLower(strings.ReplaceAll(t.Name(), "/", "_"))
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	c.Connect = func(database string) (*pgxpool.Config, error) { return pgxembed.PoolConfig(pg, database) }
	c.Database, c.History = name, filepath.Join(t.TempDir(), "history.jsonl")
	s := newStudio(c, host)
	t.Cleanup(s.pools.close)
	conn, err := pgxembed.Connect(t.Context(), pg, name)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, q := range sql {
		if _, err := conn.Exec(t.Context(), q); err != nil {
			t.Fatal(q, err)
		}
	}
	_, token, _ := strings.Cut(s.URL(), "#token=")
	w := request(s, "enter", `{"token":"`+token+`"}`, nil)
	var in struct{ Key string }
	if err := json.NewDecoder(w.Body).Decode(&in); err != nil {
		t.Fatal(err)
	}
	return &client{t, s, w.Result().Cookies()[0].Value, in.Key}
}

func (c *client) send(ctx context.Context, name string, in any) *httptest.ResponseRecorder {
	c.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		c.t.Fatal(err)
	}
	return request(c.s, name, string(body), func(r *http.Request) {
		*r = *r.WithContext(ctx)
		r.AddCookie(&http.Cookie{Name: cookieName, Value: c.cookie})
		r.Header.Set(keyHeader, c.key)
	})
}

// call wants a function to succeed, and reads what it answers.
func (c *client) call(name string, in, out any) {
	c.t.Helper()
	w := c.send(c.t.Context(), name, in)
	if w.Code != http.StatusOK {
		c.t.Fatalf("%s: %d %s", name, w.Code, w.Body)
	}
	if err := json.NewDecoder(w.Body).Decode(out); err != nil {
		c.t.Fatal(name, err)
	}
}

// fails wants a function to fail.
func (c *client) fails(name string, in any, status int) failure {
	c.t.Helper()
	w := c.send(c.t.Context(), name, in)
	var f failure
	if err := json.NewDecoder(w.Body).Decode(&f); err != nil || w.Code != status {
		c.t.Errorf("%s: %d %v, not %d", name, w.Code, f, status)
	}
	return f
}

// message is a line of an answer.
type message struct {
	failure
	Kind    string
	Tag     string
	More    bool
	Open    bool
	PID     uint32
	Columns []ResultColumn
	Rows    [][]any
	Text    string
}

// lines calls a function that answers with a line for each thing.
func (c *client) lines(ctx context.Context, name string, in any) (list []message) {
	c.t.Helper()
	w := c.send(ctx, name, in)
	d := json.NewDecoder(w.Body)
	for d.More() {
		var m message
		if err := d.Decode(&m); err != nil {
			c.t.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}

// query runs statements, and returns their rows and the last message.
func (c *client) query(q Query) (rows [][]any, last message) {
	c.t.Helper()
	for _, m := range c.lines(c.t.Context(), "query", q) {
		rows = append(rows, m.Rows...)
		last = m
	}
	return rows, last
}

// value is what a query gives, run outside the studio's guard.
func (c *client) value(sql string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	r, err := c.s.ask(ctx, "", sql)
	if err != nil {
		c.t.Fatal(sql, err)
	}
	return string(r.Rows[0][0])
}

// saved sends a form, as the page does for a download.
func (c *client) saved(name string, in any) *httptest.ResponseRecorder {
	c.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		c.t.Fatal(err)
	}
	form := url.Values{keyField: {c.key}, "in": {string(body)}}
	return request(c.s, name, form.Encode(), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: cookieName, Value: c.cookie})
	})
}
