package studio

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"

	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/internal/fault"
)

//go:embed static
var static embed.FS

// maxBody is the most that a request may bring: a value that is edited, a query.
const maxBody = 16 << 20

// routes are the page and the functions of its API.
func (s *Studio) routes() http.Handler {
	mux := http.NewServeMux()
	files, _ := fs.Sub(static, "static") // it is there: go:embed has it
	mux.Handle("GET /", http.FileServerFS(files))
	handle(mux, "overview", s.overview)
	handle(mux, "relations", s.relations)
	handle(mux, "columns", s.columns)
	handle(mux, "describe", s.describe)
	handle(mux, "rows", s.rows)
	handle(mux, "history", s.listHistory)
	handle(mux, "history/clear", s.clearHistory)
	handle(mux, "update", s.update)
	handle(mux, "insert", s.insert)
	handle(mux, "delete", s.remove)
	handle(mux, "explain", s.explainPlan)
	handle(mux, "sessions", s.sessions)
	handle(mux, "sessions/end", s.end)
	handle(mux, "metrics", s.metrics)
	s.backupRoutes(mux)
	mux.HandleFunc("POST /api/cell", s.cell)
	mux.HandleFunc("POST /api/export", s.export)
	stream(mux, "query", s.query)
	return mux
}

// none is the input or the output of a function that has none.
type none struct{}

// handle adds a function.
func handle[In, Out any](mux *http.ServeMux, name string, f func(context.Context, In) (Out, error)) {
	mux.HandleFunc("POST /api/"+name, func(w http.ResponseWriter, r *http.Request) {
		in, ok := input[In](w, r)
		if !ok {
			return
		}
		out, err := f(r.Context(), in)
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, out)
	})
}

// stream adds a function that answers with a JSON object a line.
func stream[In any](mux *http.ServeMux, name string, f func(context.Context, In, func(any)) error) {
	mux.HandleFunc("POST /api/"+name, func(w http.ResponseWriter, r *http.Request) {
		in, ok := input[In](w, r)
		if !ok {
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		lines, flush := json.NewEncoder(w), http.NewResponseController(w)
		send := func(v any) {
			if lines.Encode(v) != nil || flush.Flush() != nil {
				cancel() // nobody reads any more
			}
		}
		if err := f(ctx, in, send); err != nil {
			send(struct {
				Kind string `json:"kind"`
				failure
			}{"error", explain(err)})
		}
	})
}

// input reads what a request brings.
func input[In any](w http.ResponseWriter, r *http.Request) (in In, ok bool) {
	if r.Header.Get("Content-Type") != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "the API takes JSON")
		return in, false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return in, false
	}
	return in, true
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who went away misses nothing
}

// failure is an error as the page shows it.
type failure struct {
	Message  string `json:"message"`
	Detail   string `json:"detail,omitempty"`
	Hint     string `json:"hint,omitempty"`
	Code     string `json:"code,omitempty"`     // SQLSTATE
	Position int    `json:"position,omitempty"` // in the query, in characters from 1
	Row      any    `json:"row,omitempty"`      // what a row is now that was to be changed
}

// wrong is an error of the page's own: what was asked for cannot be done.
type wrong struct {
	failure
	status int
}

func (w *wrong) Error() string { return w.Message }

func explain(err error) failure {
	var (
		own      *wrong
		postgres *pgconn.PgError
		ours     *fault.Error
	)
	switch {
	case errors.As(err, &own):
		return own.failure
	case errors.As(err, &postgres):
		return failure{Message: postgres.Message, Detail: postgres.Detail, Hint: postgres.Hint, Code: postgres.Code, Position: int(postgres.Position)}
	case errors.As(err, &ours):
		plain := *ours
		plain.Hint = ""
		return failure{Message: plain.Error(), Hint: ours.Hint}
	}
	return failure{Message: err.Error()}
}

func fail(w http.ResponseWriter, err error) {
	status := http.StatusUnprocessableEntity
	var own *wrong
	if errors.As(err, &own) {
		status = own.status
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(explain(err))
}

// errReadOnly says that the studio changes nothing.
func errReadOnly() error {
	return &wrong{failure{Message: "the studio was started with --read-only", Hint: "start nself studio without it"}, http.StatusForbidden}
}
