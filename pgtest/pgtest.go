package pgtest

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/connect"
	"nself.org/embeddedpg/internal/migrate"
	"nself.org/embeddedpg/pgtest/internal/testserver"
)

// DB is a test's database. Its methods are safe for concurrent use, but for Save and Reset.
type DB struct {
	name     string
	client   *client
	template string // that Reset goes back to
}

// ConnInfo is what a driver needs to connect.
type ConnInfo struct {
	Host     string // directory of the Unix socket
	Port     int
	User     string // a superuser
	Password string
	Database string
}

// patience bounds what one step may take: a first compile, or a template's migrations.
const patience = 10 * time.Minute

// slowStart is when a start deserves an explanation.
const slowStart = 2 * time.Second

// New returns a database that is the test's alone and goes with it. It fails the test if it cannot. Parallel tests may
// call it, and a test may call it more than once.
func New(t testing.TB, opts ...Option) *DB {
	t.Helper()
	o, err := collect(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	begin := time.Now()
	stop := announce(slowStart)
	c, err := clientFor(ctx, o)
	stop()
	if err != nil {
		t.Fatalf("pgtest: start the server: %v", err)
	}
	if d := time.Since(begin); d > slowStart {
		t.Logf("pgtest: the server took %v to start; the first start on a machine compiles PostgreSQL and makes a cluster, later ones do not", d.Round(time.Second/10))
	}
	template, err := c.template(ctx, o)
	if err != nil {
		t.Fatalf("pgtest: make the template: %v", err)
	}
	db := &DB{client: c, template: template}
	if db.name, err = c.clone(template, t.Name()); err != nil {
		t.Fatalf("pgtest: make the database: %v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		db.end(t, o.leaks)
	})
	return db
}

// Name returns the database's name, which is made of the test's.
func (db *DB) Name() string { return db.name }

// ConnString returns the URL of the database for libpq, pgx and others. It works for other processes of the same user
// as well, as long as the server runs.
func (db *DB) ConnString() string {
	c := db.ConnInfo()
	return connect.Server{Host: c.Host, Port: c.Port, User: c.User, Password: c.Password, Database: c.Database}.URL()
}

// ConnInfo returns the parts of ConnString.
func (db *DB) ConnInfo() ConnInfo {
	i := db.client.info
	return ConnInfo{Host: i.SocketDir, Port: i.Port, User: i.User, Password: i.Password, Database: db.name}
}

// Dial returns a connection to the server for a driver's dial function: within the program if the server is in it. It fails
// if ctx has ended or the server has.
func (db *DB) Dial(ctx context.Context) (net.Conn, error) { return db.client.dial(ctx) }

// Exec runs SQL statements as superuser, without a driver and without results. They are one transaction, unless they
// contain commands for transactions.
func (db *DB) Exec(ctx context.Context, statements string) error {
	return db.client.call(ctx, "Exec", testserver.ExecArgs{Database: db.name, SQL: statements}, &testserver.Empty{})
}

// run runs a migration file.
func (db *DB) run(ctx context.Context, path string, s migrate.Script) error {
	return db.client.call(ctx, "Run", testserver.RunArgs{Database: db.name, Path: path, Tool: s.Tool, Parts: s.Up}, &testserver.Empty{})
}

// Reset takes the database back to the template, or to what the last Save saw, in about the time that New takes. Its
// connections are ended. It fails the test if it cannot.
func (db *DB) Reset(t testing.TB) {
	t.Helper()
	if err := db.client.reset(db.name, db.template); err != nil {
		t.Fatalf("pgtest: reset the database: %v", err)
	}
}

// Save makes Reset go back to the present state of the database, which must have no open connections. It takes about as
// long as CREATE DATABASE. It fails the test if it cannot, as with an open connection.
func (db *DB) Save(t testing.TB) {
	t.Helper()
	template, err := db.client.save(db.name)
	if err != nil {
		t.Fatalf("pgtest: save the database: %v", err)
	}
	db.template = template
}

// settle is how long the server may take to notice that a test has closed its connections.
const settle = time.Second

// end checks for open connections, and drops the database or keeps it.
func (db *DB) end(t testing.TB, allowOpen bool) {
	t.Helper()
	failed := t.Failed()
	if !allowOpen {
		open, err := db.client.sessions(db.name, settle)
		if err != nil && !errors.Is(err, errGone) {
			t.Errorf("pgtest: %v", err)
		}
		if len(open) > 0 {
			t.Errorf("pgtest: the test left connections open:\n\t%s", strings.Join(open, "\n\t"))
		}
	}
	if !failed {
		if err := db.client.drop(db.name); err != nil && !errors.Is(err, errGone) {
			t.Errorf("pgtest: %v", err)
		}
		return
	}
	dir, err := db.client.keep(db.name)
	if err != nil {
		t.Logf("pgtest: the database is not kept: %v", err)
		return
	}
	t.Logf("pgtest: the database of this failed test is kept until the next failure in this package. Now:\n\t%s\nWhen the server has ended:\n\tgo run nself.org/embeddedpg/pgtest/open %s %s",
		db.ConnString(), dir, db.name)
}
