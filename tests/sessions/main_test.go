// Package sessions holds one server and several clients at once against each other: the system's own psql
// over the Unix socket, driven through pipes, and pgx where a test needs the protocol itself. It tests that
// sessions are separate where they must be, and meet where they must, and that none leaves anything behind.
package sessions

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/testenv"
)

const (
	password = "sessions-test-only"

	// limit bounds every wait: a first compile included, and a machine that others use too.
	limit = 2 * time.Minute
)

// shared is the server of all tests but those that measure what a server holds. Autovacuum is off, because
// its workers would come and go while those measure.
var shared struct {
	sync.Once
	server *embeddedpg.Server
	err    error
}

func TestMain(m *testing.M) {
	all := func() int {
		code := m.Run()
		if shared.server != nil {
			if err := shared.server.Close(); err != nil {
				fmt.Fprintln(os.Stderr, "close the server:", err)
				code = 1
			}
		}
		return code
	}
	os.Exit(testenv.Run(all))
}

func server(t testing.TB) *embeddedpg.Server {
	t.Helper()
	shared.Do(func() {
		shared.server, shared.err = embeddedpg.Start(context.Background(), embeddedpg.Config{
			Password: password, Settings: map[string]string{"autovacuum": "off"},
		})
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// connect returns a pgx connection over the Unix socket that ends with the test.
func connect(t testing.TB, s *embeddedpg.Server) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(testContext(t), s.ConnString(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func run(t testing.TB, c *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := c.Exec(testContext(t), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func one[T any](t testing.TB, c *pgx.Conn, sql string, args ...any) (v T) {
	t.Helper()
	if err := c.QueryRow(testContext(t), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// eventually waits until the query, which returns one boolean, says true.
func eventually(t testing.TB, c *pgx.Conn, what, sql string, args ...any) {
	t.Helper()
	for end := time.Now().Add(limit / 4); !one[bool](t, c, sql, args...); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, limit/4)
		}
	}
}

// Conditions for eventually; $1 is the backend's process id.
const (
	isActive = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active')"
	isGone   = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)"
	waitsFor = "SELECT pg_blocking_pids($1) = ARRAY[$2::int]" // a lock that $2 holds
)

// newSchema makes a schema for the test, and returns its name.
func newSchema(t testing.TB, admin *pgx.Conn) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "_", ".", "_", "(", "", ")", "").Replace(t.Name()))
	run(t, admin, "CREATE SCHEMA "+name)
	run(t, admin, "SET search_path = "+name)
	t.Cleanup(func() { run(t, admin, "DROP SCHEMA "+name+" CASCADE") })
	return name
}
