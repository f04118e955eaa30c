package main

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database/postgres"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/lib/pq"
)

//go:embed migrations
var migrations embed.FS

// auth is the stand-in for Auth: migrations by golang-migrate over lib/pq, then a word to Hasura, then a pgx pool
// with its statement cache.
func auth(ctx context.Context) error {
	url := os.Getenv("POSTGRES_CONNECTION")
	if url == "" {
		var err error
		if url, err = setting("HASURA_GRAPHQL_DATABASE_URL"); err != nil {
			return err
		}
	}
	if !strings.Contains(url, "sslmode") {
		url += "?sslmode=disable"
	}
	if err := migrateAuth(url); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if err := tellHasura(ctx); err != nil {
		return err
	}
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	cfg.MaxConns, cfg.MinConns = max(4, cfg.MaxConns), 1
	db, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { answer(w, "OK", db.Ping(r.Context())) })
	mux.HandleFunc("POST /signup", func(w http.ResponseWriter, r *http.Request) {
		var id string
		err := db.QueryRow(r.Context(), `INSERT INTO auth.users (email) VALUES ($1) ON CONFLICT (email) DO UPDATE SET last_seen = now()
			RETURNING id::text`, r.FormValue("email")).Scan(&id)
		answer(w, id, err)
	})
	mux.HandleFunc("GET /user", func(w http.ResponseWriter, r *http.Request) {
		var id string
		err := db.QueryRow(r.Context(), "SELECT id::text FROM auth.users WHERE email = $1", r.FormValue("email")).Scan(&id)
		answer(w, id, err)
	})
	log.Print("ready")
	return serve(ctx, ":4000", mux)
}

// migrateAuth runs twice at once, as two replicas do: a session's advisory lock puts one behind the other.
func migrateAuth(url string) error {
	results := make(chan error, 2)
	for range 2 {
		go func() { results <- migrateOnce(url) }()
	}
	return errors.Join(<-results, <-results)
}

func migrateOnce(url string) error {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return err
	}
	driver, err := postgres.WithInstance(db, &postgres.Config{SchemaName: "auth", MigrationsTable: "schema_migrations", StatementTimeout: time.Minute})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	source, err := iofs.New(migrations, "migrations")
	if err != nil {
		return err
	}
	m, err := migrate.NewWithInstance("iofs", source, "postgres", driver)
	if err != nil {
		return err
	}
	err = m.Up()
	if errors.Is(err, migrate.ErrNoChange) {
		err = nil
	}
	_, closing := m.Close()
	return errors.Join(err, closing)
}

// tellHasura posts metadata; without Hasura there is no Auth.
func tellHasura(ctx context.Context) error {
	graphql, err := setting("HASURA_GRAPHQL_GRAPHQL_URL")
	if err != nil {
		return err
	}
	admin, err := setting("HASURA_GRAPHQL_ADMIN_SECRET")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	url := strings.TrimSuffix(graphql, "/v1/graphql") + "/v1/metadata"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(`{"type":"pg_track_tables","args":{"tables":["auth.users"]}}`)))
	if err != nil {
		return err
	}
	r.Header.Set("X-Hasura-Admin-Secret", admin)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("metadata: Hasura says %s", resp.Status)
	}
	return nil
}
