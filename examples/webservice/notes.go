package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

type note struct {
	ID   int64     `json:"id"`
	Text string    `json:"text"`
	Made time.Time `json:"made"`
}

// migrate brings the schema up to date.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, `CREATE TABLE IF NOT EXISTS note (
		id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
		text text NOT NULL CHECK (text <> ''),
		made timestamptz NOT NULL DEFAULT now())`)
	return err
}

// handler serves GET and POST /notes.
func handler(pool *pgxpool.Pool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /notes", func(w http.ResponseWriter, r *http.Request) {
		rows, _ := pool.Query(r.Context(), "SELECT id, text, made FROM note ORDER BY id")
		notes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[note])
		answer(w, notes, err)
	})
	mux.HandleFunc("POST /notes", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err != nil || len(text) == 0 {
			http.Error(w, "send a text of up to 64 KiB", http.StatusBadRequest)
			return
		}
		rows, _ := pool.Query(r.Context(), "INSERT INTO note (text) VALUES ($1) RETURNING id, text, made", string(text))
		made, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[note])
		answer(w, made, err)
	})
	return mux
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		log.Print(err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print(err)
	}
}
