// Command benchqueries compares native code on the analytical queries of tests/benchpage: builds of
// it beside each other, and all beside Debian's native server, in turn and by processor time. It is
// for judging a profile or a compiler's flags:
//
//	tests/suites.sh queries -images before=FOLDER,after=FOLDER
//
// where wasm/native.sh made what is in the folders. Without -images the program's own code runs. -set names another folder
// with schema.sql and queries.sql than tests/benchpage. All servers must give the same answers.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg/tests/rivals"
)

func main() {
	rivals.Serve()
	root := flag.String("root", "", "Debian root directory with postgresql-18 and its client package")
	images := flag.String("images", "own=", "`NAME=FOLDER,...` of native code")
	set := flag.String("set", "tests/benchpage", "folder with schema.sql and queries.sql")
	rounds := flag.Int("rounds", 5, "runs of each query on each server; the medians are shown")
	flag.Parse()
	if *root == "" {
		fmt.Fprintln(os.Stderr, "benchqueries: -root is required; tests/suites.sh sets it")
		os.Exit(2)
	}
	if err := run(context.Background(), *root, *images, *set, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "benchqueries:", err)
		os.Exit(1)
	}
}

type contestant struct {
	name   string
	server *rivals.Server
	conn   *pgx.Conn
}

func run(ctx context.Context, root, images, set string, rounds int) error {
	schema, err := os.ReadFile(filepath.Join(set, "schema.sql"))
	if err != nil {
		return err
	}
	queries, err := os.ReadFile(filepath.Join(set, "queries.sql"))
	if err != nil {
		return err
	}
	var all []contestant
	var ends []func()
	defer func() {
		for _, end := range slices.Backward(ends) {
			end()
		}
	}()
	add := func(name string, start func(context.Context, rivals.Place) (*rivals.Server, error)) error {
		work, remove, err := rivals.WorkDir(root)
		if err != nil {
			return err
		}
		ends = append(ends, remove)
		s, err := start(ctx, rivals.Place{Root: root, Work: work, Settings: map[string]string{"max_parallel_workers_per_gather": "0"}})
		if err != nil {
			return err
		}
		ends = append(ends, func() { s.Stop() })
		all = append(all, contestant{name: name, server: s})
		all[len(all)-1].conn, err = prepare(ctx, s, string(schema))
		return err
	}
	if err := add("native", rivals.Native); err != nil {
		return err
	}
	for _, i := range strings.Split(images, ",") {
		name, folder, _ := strings.Cut(i, "=")
		if err := os.Setenv("EMBEDDEDPG_NATIVE", folder); err != nil { // the server's process has it
			return err
		}
		if err := add(name, rivals.Ours); err != nil {
			return err
		}
	}
	return measure(ctx, all, string(queries), rounds)
}

func prepare(ctx context.Context, s *rivals.Server, schema string) (*pgx.Conn, error) {
	conn, err := s.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range append(strings.Split(schema, ";\n"), "VACUUM ANALYZE") {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("%s: %w", statement, err)
		}
	}
	return conn, nil
}

// measure prints, for each query, native's milliseconds and how many times as many the others take.
func measure(ctx context.Context, all []contestant, queries string, rounds int) error {
	logs, worst, n := make([]float64, len(all)), make([]float64, len(all)), 0.0
	fmt.Printf("%-36s %10s", "query", "native, ms")
	for _, c := range all[1:] {
		fmt.Printf(" %10s", c.name)
	}
	fmt.Println()
	for _, part := range strings.Split(queries, "-- name: ")[1:] {
		name, sql, _ := strings.Cut(part, "\n")
		times, err := compare(ctx, all, sql, rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("%-36s %10.1f", name, times[0])
		for i := range all[1:] {
			ratio := times[i+1] / times[0]
			logs[i+1] += math.Log(ratio)
			worst[i+1] = max(worst[i+1], ratio)
			fmt.Printf(" %10.3f", ratio)
		}
		fmt.Println()
		n++
	}
	for i, c := range all[1:] {
		fmt.Printf("%s: geometric mean %.3f, worst %.3f\n", c.name, math.Exp(logs[i+1]/n), worst[i+1])
	}
	return nil
}

// compare returns each server's median of a query's processor time, in milliseconds.
func compare(ctx context.Context, all []contestant, sql string, rounds int) ([]float64, error) {
	const long = 500 * time.Millisecond // of one measurement: the system counts in 10 ms
	times := make([][]float64, len(all))
	slowest := time.Millisecond
	var want string
	for i, c := range all {
		got, err := answer(ctx, c, sql)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			want = got
		} else if got != want {
			return nil, fmt.Errorf("%s answers %.200q, and %s %.200q", all[0].name, want, c.name, got)
		}
		for range 2 { // once to warm up
			took, err := cpu(ctx, c, sql, 1)
			if err != nil {
				return nil, err
			}
			slowest = max(slowest, took)
		}
	}
	repeat := int(max(1, long/slowest))
	for range rounds {
		for i, c := range all {
			took, err := cpu(ctx, c, sql, repeat)
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], float64(took.Microseconds())/1000/float64(repeat))
		}
	}
	medians := make([]float64, len(all))
	for i, t := range times {
		slices.Sort(t)
		medians[i] = t[len(t)/2]
	}
	return medians, nil
}

// answer returns what a query says.
func answer(ctx context.Context, c contestant, sql string) (string, error) {
	results, err := c.conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, r := range results {
		for _, row := range r.Rows {
			text.Write(append(bytes.Join(row, []byte{'\t'}), '\n'))
		}
	}
	return text.String(), nil
}

// cpu runs a query so many times and returns the processor time of the server.
func cpu(ctx context.Context, c contestant, sql string, times int) (time.Duration, error) {
	before := c.server.CPU()
	for range times {
		if _, err := c.conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return 0, err
		}
	}
	return c.server.CPU() - before, nil
}
