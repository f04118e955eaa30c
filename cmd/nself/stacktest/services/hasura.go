package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"
)

// catalog is a small hdb_catalog: what in it Hasura's depends on in the server.
//
//go:embed catalog.sql
var catalog string

// engine is the stand-in for Hasura.
type engine struct {
	admin            string
	metadata, source *pool
}

func hasura(ctx context.Context) error {
	url, err := setting("HASURA_GRAPHQL_DATABASE_URL")
	if err != nil {
		return err
	}
	admin, err := setting("HASURA_GRAPHQL_ADMIN_SECRET")
	if err != nil {
		return err
	}
	var jwt struct{ Type, Key string }
	if err := json.Unmarshal([]byte(os.Getenv("HASURA_GRAPHQL_JWT_SECRET")), &jwt); err != nil || len(jwt.Key) < 32 {
		return fmt.Errorf("HASURA_GRAPHQL_JWT_SECRET is no key of 32 characters: %v", err)
	}
	size, err := strconv.Atoi(os.Getenv("HASURA_GRAPHQL_PG_CONNECTIONS"))
	if err != nil {
		size = 50
	}
	e := &engine{admin, newPool(url, size), newPool(url, size)}
	if err := e.migrate(ctx); err != nil {
		return err
	}
	log.Printf("the catalog is there; two pools of %d", size)
	go e.poll(ctx)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", e.health)
	mux.HandleFunc("POST /v1/graphql", e.private(e.graphql))
	mux.HandleFunc("POST /v1/metadata", e.private(e.setMetadata))
	return serve(ctx, ":8080", mux)
}

// migrate makes the catalog in one SERIALIZABLE transaction.
func (e *engine) migrate(ctx context.Context) error {
	return e.metadata.with(ctx, func(s *session) error {
		return s.transaction(ctx, "SERIALIZABLE", func() error {
			rows, err := s.run(ctx, "SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = $1", "pgcrypto")
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				return fmt.Errorf("pgcrypto is required, and the server does not have it")
			}
			if _, err := s.run(ctx, "CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA public"); err != nil {
				return err
			}
			return s.conn.Exec(ctx, catalog).Close() // many statements at once
		})
	})
}

// poll does what Hasura's threads do each second; errors pass, the next time may be better.
func (e *engine) poll(ctx context.Context) {
	const fetch = `UPDATE hdb_catalog.event_log SET locked = now() WHERE id IN (
		SELECT id FROM hdb_catalog.event_log WHERE NOT delivered AND (locked IS NULL OR locked < now() - interval '1 minute')
		ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED) RETURNING id`
	for tick := time.NewTicker(time.Second); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		limit, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := e.metadata.with(limit, func(s *session) error {
			_, err := s.run(limit, "SELECT resource_version, instance_id FROM hdb_catalog.hdb_schema_notifications")
			return err
		})
		for range 2 { // two threads, who must not get the same events
			go func() {
				err := e.source.with(ctx, func(s *session) error {
					events, err := s.run(ctx, fetch)
					for _, event := range events {
						if err == nil {
							_, err = s.run(ctx, "UPDATE hdb_catalog.event_log SET delivered = true, tries = tries + 1, locked = NULL WHERE id = $1", event[0])
						}
					}
					return err
				})
				if err != nil {
					log.Print("events: ", err)
				}
			}()
		}
		if err != nil {
			log.Print("poll: ", err)
		}
		cancel()
	}
}

func (e *engine) health(w http.ResponseWriter, r *http.Request) {
	err := e.metadata.with(r.Context(), func(s *session) error {
		_, err := s.run(r.Context(), "SELECT 1")
		return err
	})
	answer(w, "OK", err)
}

// private wants the admin secret.
func (e *engine) private(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Hasura-Admin-Secret") != e.admin {
			http.Error(w, "access denied", http.StatusUnauthorized)
			return
		}
		h(w, r)
	}
}

// graphql does one of the things that a GraphQL request leads to. The request's context ends when its client goes, and
// that cancels the statement.
func (e *engine) graphql(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Operation string // query, mutation, subscription or sleep
		Name      string
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx := r.Context()
	one := func(sql string, params ...any) (out string, err error) {
		err = e.source.with(ctx, func(s *session) error {
			rows, err := s.run(ctx, sql, params...)
			if err == nil && len(rows) > 0 {
				out = rows[0][0]
			}
			return err
		})
		return out, err
	}
	var out string
	var err error
	switch request.Operation {
	case "query":
		out, err = one(`SELECT coalesce(json_agg(root), '[]') FROM (SELECT row_to_json((SELECT e FROM (SELECT u.id, u.email, p.posts) e)) AS root
			FROM auth.users u LEFT OUTER JOIN LATERAL (SELECT coalesce(json_agg(x.text), '[]') AS posts FROM public.posts x WHERE x.author = u.email) p ON true
			ORDER BY u.email LIMIT $1) q`, "20")
	case "subscription":
		out, err = one(`SELECT json_agg(_subs.result_id) FROM unnest($1::uuid[], $2::json[]) _subs (result_id, result_vars)
			LEFT OUTER JOIN LATERAL (SELECT count(*) AS n FROM public.posts WHERE author = (_subs.result_vars ->> 'a')) l ON true`,
			"{00000000-0000-0000-0000-000000000001}", `{"{\"a\":\"x\"}"}`)
	case "sleep":
		_, err = one("SELECT pg_sleep(60)")
	case "mutation":
		err = e.mutate(ctx, request.Name)
		for try := 0; try < 10 && serialization(err); try++ {
			err = e.mutate(ctx, request.Name)
		}
	default:
		err = fmt.Errorf("no operation %q", request.Operation)
	}
	answer(w, out, err)
}

// mutate inserts a row whose trigger records an event with the session's variables.
func (e *engine) mutate(ctx context.Context, name string) error {
	return e.source.with(ctx, func(s *session) error {
		return s.transaction(ctx, "REPEATABLE READ", func() error {
			if err := s.conn.Exec(ctx, `SET LOCAL "hasura.user" = '{"x-hasura-role":"admin"}'; SET LOCAL "hasura.tracecontext" = '{}'`).Close(); err != nil {
				return err
			}
			rows, err := s.run(ctx, "INSERT INTO public.posts (author, text) VALUES ($1, $2) RETURNING current_setting('hasura.user', 't')", name, "text of "+name)
			if err == nil && (len(rows) != 1 || rows[0][0] != `{"x-hasura-role":"admin"}`) {
				err = fmt.Errorf("the session variables came back as %v", rows)
			}
			return err
		})
	})
}

// setMetadata replaces the metadata, if its version is the one known.
func (e *engine) setMetadata(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	for try := 0; err == nil && try < 10; try++ {
		err = e.metadata.with(r.Context(), func(s *session) error {
			return s.transaction(r.Context(), "SERIALIZABLE", func() error {
				rows, err := s.run(r.Context(), "SELECT resource_version FROM hdb_catalog.hdb_metadata WHERE id = 1")
				if err != nil {
					return err
				}
				_, err = s.run(r.Context(), "UPDATE hdb_catalog.hdb_metadata SET metadata = $1::json, resource_version = resource_version + 1 WHERE id = 1 AND resource_version = $2", string(body), rows[0][0])
				if err != nil {
					return err
				}
				_, err = s.run(r.Context(), `INSERT INTO hdb_catalog.hdb_schema_notifications (id, notification, resource_version, instance_id) VALUES (1, $1::json, $2, gen_random_uuid())
					ON CONFLICT (id) DO UPDATE SET notification = EXCLUDED.notification, resource_version = EXCLUDED.resource_version, updated_at = now()`, `{"metadata":true}`, rows[0][0])
				return err
			})
		})
		if !serialization(err) {
			break
		}
		err = nil
	}
	answer(w, "success", err)
}

func answer(w http.ResponseWriter, body string, err error) {
	if err != nil {
		log.Print(err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, body)
}
