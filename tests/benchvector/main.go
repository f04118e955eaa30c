// Command benchvector measures pgvector in a server of this project and in native PostgreSQL 18 with Debian's pgvector, on the
// same vectors with the same settings and in turn: loading, building the indexes, searching, and the recall of both.
// `make bench-vector` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"nself.org/embeddedpg/tests/rivals"
)

type options struct {
	n, queries, centres, rounds, workers int
	seed                                 uint64
	buffers, memory                      string
}

func main() {
	rivals.Serve()
	root := flag.String("root", "", "Debian root directory with postgresql-18, its client package and postgresql-18-pgvector")
	write := flag.String("write", "", "the page to write, such as docs/pgvector.md")
	var o options
	flag.IntVar(&o.n, "n", 100_000, "number of vectors")
	flag.IntVar(&o.queries, "queries", 200, "number of queries")
	flag.IntVar(&o.centres, "centres", 200, "number of centres that the vectors lie around")
	flag.IntVar(&o.rounds, "rounds", 3, "runs of each kind; the medians are shown")
	flag.IntVar(&o.workers, "workers", 1, "parallel maintenance workers, beside the session itself")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the vectors")
	flag.StringVar(&o.buffers, "buffers", "512MB", "shared_buffers")
	flag.StringVar(&o.memory, "memory", "512MB", "maintenance_work_mem; ours has 1.45 GiB of shared memory in all, and an index that is built in parallel is in it")
	flag.Parse()
	if *root == "" {
		fmt.Fprintln(os.Stderr, "benchvector: -root is required; `make bench-vector` sets it")
		os.Exit(2)
	}
	if err := run(*root, *write, o); err != nil {
		fmt.Fprintln(os.Stderr, "benchvector:", err)
		os.Exit(1)
	}
}

func run(root, write string, o options) error {
	work, remove, err := rivals.WorkDir(root)
	if err != nil {
		return err
	}
	defer remove()
	ctx := context.Background()
	place := rivals.Place{Root: root, Work: work, Settings: map[string]string{
		"shared_buffers": o.buffers, "maintenance_work_mem": o.memory, "max_parallel_maintenance_workers": fmt.Sprint(o.workers),
	}}
	var servers []*server
	for _, start := range []func(context.Context, rivals.Place) (*rivals.Server, error){rivals.Ours, rivals.Native} {
		s, err := start(ctx, place)
		if err != nil {
			return err
		}
		defer s.Stop()
		conn, err := s.Connect(ctx)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		servers = append(servers, &server{Server: s, conn: conn})
	}
	r, err := measure(ctx, servers, o)
	if err != nil || write == "" {
		return err
	}
	return os.WriteFile(write, []byte(r.page(rivals.Machine(), time.Now().Format("2006-01-02"))), 0o644)
}
