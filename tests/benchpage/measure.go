package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg/tests/rivals"
)

var (
	//go:embed schema.sql
	schema string
	//go:embed queries.sql
	queries string
)

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// starts times a new cluster and an existing one, from starting the process to the answer of a first query.
func starts(ctx context.Context, p rivals.Place, all []contestant, o options) (table, error) {
	t := newTable("Start to first query", "ms", false, all,
		"The process is started, and asked every 2 ms. A new cluster is made with data checksums, except by PGlite.")
	for _, c := range all {
		begin := time.Now()
		s, err := c.start(ctx, p)
		if err != nil {
			return t, err
		}
		t.set("new cluster", c.name, milliseconds(time.Since(begin)))
		if err := s.Stop(); err != nil {
			return t, err
		}
	}
	times := map[string][]float64{}
	for range o.rounds {
		for _, c := range all {
			begin := time.Now()
			s, err := c.start(ctx, p)
			if err != nil {
				return t, err
			}
			times[c.name] = append(times[c.name], milliseconds(time.Since(begin)))
			if err := s.Stop(); err != nil {
				return t, err
			}
		}
	}
	for name, v := range times {
		t.set("existing cluster", name, median(v))
	}
	return t, nil
}

// loads are the ways of running pgbench.
var loads = []struct {
	name string
	args []string
}{
	{"-S, 1 client", []string{"-S", "-c1"}},
	{"-S, 1 client, prepared", []string{"-S", "-c1", "-M", "prepared"}},
	{"-S, 4 clients", []string{"-S", "-c4", "-j2"}},
	{"-S, 4 clients, prepared", []string{"-S", "-c4", "-j2", "-M", "prepared"}},
	{"TPC-B, 1 client", []string{"-c1"}},
	{"TPC-B, 4 clients", []string{"-c4", "-j2"}},
	{"TPC-B, 16 clients", []string{"-c16", "-j2"}},
}

// transactions runs pgbench against all servers in turn, all running.
func transactions(ctx context.Context, p rivals.Place, all []contestant, o options) (table, error) {
	t := newTable("pgbench", "transactions a second", true, all, fmt.Sprintf(
		"Scale %d, %d s a run, medians of %d runs in turn. The rows are made in the server (pgbench -I dtGvp). PGlite has one session; its row of several clients is what its socket server makes of them, and it does not wait for the disk.", o.scale, o.seconds, o.rounds))
	var servers []*rivals.Server
	for _, c := range all {
		s, err := c.start(ctx, p)
		if err != nil {
			return t, err
		}
		defer s.Stop()
		if _, err := s.Pgbench("-i", "-I", "dtGvp", "-q", "-s", fmt.Sprint(o.scale)); err != nil {
			return t, err
		}
		servers = append(servers, s)
	}
	for _, l := range loads {
		for i, s := range servers {
			var tps []float64
			for range o.rounds {
				r, err := s.Pgbench(append([]string{"-n", "-T", fmt.Sprint(o.seconds)}, l.args...)...)
				if err != nil {
					if all[i].one { // not every load is one that it can serve
						fmt.Fprintf(os.Stderr, "%s, %s: %v\n", s.Name, l.name, err)
						break
					}
					return t, err
				}
				tps = append(tps, r.TPS)
			}
			t.set(l.name, s.Name, median(tps))
		}
	}
	return t, nil
}

// copies moves rows in and out by COPY, in text format.
func copies(ctx context.Context, p rivals.Place, all []contestant, o options) (table, error) {
	t := newTable("COPY", "rows a second", true, all, fmt.Sprintf("%d rows of an integer, a text of 32 characters and a timestamp, through pgx. A dash: it failed.", o.rows))
	err := each(ctx, p, all, func(c contestant, s *rivals.Server) error {
		conn, err := s.Connect(ctx)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, "CREATE TABLE copied (id int, name text, at timestamptz)"); err != nil {
			return err
		}
		var in, out []float64
		for range o.rounds {
			if _, err := conn.Exec(ctx, "TRUNCATE copied"); err != nil {
				return err
			}
			begin := time.Now()
			if _, err := conn.PgConn().CopyFrom(ctx, &rows{left: o.rows}, "COPY copied FROM STDIN"); err != nil {
				if c.one { // PGlite's socket server ended the connection here when this was written
					fmt.Fprintf(os.Stderr, "%s, COPY in: %v\n", c.name, err)
					return nil
				}
				return err
			}
			in = append(in, float64(o.rows)/time.Since(begin).Seconds())
			begin = time.Now()
			if _, err := conn.PgConn().CopyTo(ctx, discard{}, "COPY copied TO STDOUT"); err != nil {
				return err
			}
			out = append(out, float64(o.rows)/time.Since(begin).Seconds())
		}
		t.set("in", c.name, median(in))
		t.set("out", c.name, median(out))
		_, err = conn.Exec(ctx, "DROP TABLE copied")
		return err
	})
	return t, err
}

// rows is COPY's text of so many rows.
type rows struct {
	left int
	rest []byte
}

func (r *rows) Read(b []byte) (int, error) {
	for len(r.rest) < len(b) && r.left > 0 {
		r.rest = fmt.Appendf(r.rest, "%d\t%032x\t2026-01-01 00:00:00+00\n", r.left, r.left*7919)
		r.left--
	}
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// questions times the analytical queries; the best of the rounds counts, as the data is in memory then.
func questions(ctx context.Context, p rivals.Place, all []contestant, o options) (table, error) {
	t := newTable("Analytical queries", "ms", false, all,
		"tests/benchpage/queries.sql on tests/benchpage/schema.sql, each the best of the rounds; parallel query as each server does by default. Every server gives the same rows.")
	answers := map[string]string{}
	err := each(ctx, p, all, func(c contestant, s *rivals.Server) error {
		conn, err := s.Connect(ctx)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		begin := time.Now()
		for _, statement := range strings.Split(schema, ";\n") {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		t.set("loading", c.name, milliseconds(time.Since(begin)))
		for _, part := range strings.Split(queries, "-- name: ")[1:] {
			name, sql, _ := strings.Cut(part, "\n")
			best := math.Inf(1)
			for range o.rounds {
				begin := time.Now()
				answer, err := ask(ctx, conn, sql)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				best = min(best, milliseconds(time.Since(begin)))
				if first, ok := answers[name]; ok && first != answer {
					return fmt.Errorf("%s: another answer than %s gave", name, all[0].name)
				}
				answers[name] = answer
			}
			t.set(name, c.name, best)
		}
		return nil
	})
	t.mean("geometric mean of the queries", "loading")
	return t, err
}

// ask returns the rows of a query as text.
func ask(ctx context.Context, conn *pgx.Conn, sql string) (string, error) {
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, r := range results {
		for _, row := range r.Rows {
			for _, field := range row {
				b.Write(field)
				b.WriteByte('|')
			}
			b.WriteByte('\n')
		}
	}
	return b.String(), nil
}

// memories weighs a server without sessions, and what an idle session adds.
func memories(ctx context.Context, p rivals.Place, all []contestant, _ options) (table, error) {
	const sessions = 50
	t := newTable("Memory", "MB", false, all, fmt.Sprintf("Proportional set size of all processes of the server; a session is the mean of %d idle ones that have run one query. PGlite's sessions share one backend.", sessions))
	err := each(ctx, p, all, func(c contestant, s *rivals.Server) error {
		time.Sleep(time.Second)
		idle, err := s.Memory()
		if err != nil {
			return err
		}
		t.set("server without sessions", c.name, float64(idle)/1e6)
		if c.one {
			return nil
		}
		for range sessions {
			conn, err := s.Connect(ctx)
			if err != nil {
				return err
			}
			defer conn.Close(ctx)
			if _, err := conn.Exec(ctx, "SELECT count(*) FROM pg_class"); err != nil {
				return err
			}
		}
		time.Sleep(time.Second)
		busy, err := s.Memory()
		if err != nil {
			return err
		}
		t.set("each idle session", c.name, float64(busy-idle)/sessions/1e6)
		return nil
	})
	return t, err
}

// sizes weighs what has to be installed.
func sizes(_ context.Context, p rivals.Place, all []contestant, _ options) (table, error) {
	t := newTable("Size on disk", "MB", false, all,
		"embeddedpg: the stripped nself program, and the compiled code that it keeps in the cache. Native: Debian's server and client packages without the libraries they need. PGlite: its two npm packages, without node.")
	program := filepath.Join(p.Work, "nself")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, "./cmd/nself").CombinedOutput(); err != nil {
		return t, fmt.Errorf("building nself: %w\n%s", err, out)
	}
	for _, c := range all {
		var paths []string
		switch c.name {
		case "embeddedpg":
			paths = []string{program}
		case "native":
			paths = []string{filepath.Join(p.Root, "usr/lib/postgresql/18"), filepath.Join(p.Root, "usr/share/postgresql/18")}
		case "PGlite":
			paths = []string{filepath.Join(p.NPM, "node_modules")}
		}
		var sum int64
		for _, path := range paths {
			n, err := weigh(path)
			if err != nil {
				return t, err
			}
			sum += n
		}
		t.set("installed", c.name, float64(sum)/1e6)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return t, err
	}
	cached, err := weigh(newest(filepath.Join(home, ".nself", "cache")))
	if err != nil {
		return t, err
	}
	t.set("compiled code in the cache", all[0].name, float64(cached)/1e6)
	return t, nil
}

// weigh adds up the sizes of the regular files below path.
func weigh(path string) (sum int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}

// newest is the largest of the files in dir that changed last: the server's compiled code.
func newest(dir string) string {
	entries, _ := os.ReadDir(dir)
	best, size := dir, int64(0)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.Size() > size {
			best, size = filepath.Join(dir, e.Name()), info.Size()
		}
	}
	return best
}
