package pgxembed_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/testenv"
	"nself.org/embeddedpg/pgxembed"
)

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m.Run))
}

func start(t *testing.T) *embeddedpg.Server {
	t.Helper()
	s, err := embeddedpg.Start(context.Background(), embeddedpg.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestConnect: the environment does not lead elsewhere, a role needs no password, and a cancel request
// finds its way.
func TestConnect(t *testing.T) {
	t.Setenv("PGHOST", "192.0.2.1")
	t.Setenv("PGUSER", "nobody")
	t.Setenv("PGSSLMODE", "require")
	s := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgxembed.Connect(ctx, s, "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var user string
	if err := conn.QueryRow(ctx, "SELECT current_user").Scan(&user); err != nil || user != "postgres" {
		t.Fatal(user, err)
	}
	for _, sql := range []string{"CREATE ROLE reader LOGIN PASSWORD 'secret'", "CREATE DATABASE other"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	c, err := pgxembed.ConnConfig(s, "other")
	if err != nil {
		t.Fatal(err)
	}
	c.User, c.Password = "reader", ""
	reader, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close(ctx)
	var database string
	if err := reader.QueryRow(ctx, "SELECT current_user, current_database()").Scan(&user, &database); err != nil || user != "reader" || database != "other" {
		t.Error(user, database, err)
	}

	stopped := make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, "SELECT pg_sleep(60)")
		stopped <- err
	}()
	time.Sleep(50 * time.Millisecond)
	if err := conn.PgConn().CancelRequest(ctx); err != nil {
		t.Error(err)
	}
	var sqlError *pgconn.PgError
	if err := <-stopped; !errors.As(err, &sqlError) || sqlError.Code != "57014" {
		t.Errorf("cancelled query: %v", err)
	}
}

func TestClosedServer(t *testing.T) {
	s := start(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := pgxembed.Connect(context.Background(), s, ""); !errors.Is(err, embeddedpg.ErrClosed) {
		t.Errorf("connect to a closed server: %v", err)
	}
}
