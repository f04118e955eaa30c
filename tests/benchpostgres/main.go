// Command benchpostgres runs pgbench in turn against a server of this project and against native PostgreSQL 18,
// on the same machine with the same settings (fsync on), and prints transactions per second, their ratio, and
// the servers' processor time per transaction. Native server and pgbench are Debian's, in a root directory that
// wasm/sidroot makes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"nself.org/embeddedpg/tests/rivals"
)

// load is one way of running pgbench.
type load struct {
	name string
	args []string
}

var loads = []load{
	{"-S c1", []string{"-S", "-c1"}},
	{"-S c1 prepared", []string{"-S", "-c1", "-M", "prepared"}},
	{"-S c4", []string{"-S", "-c4", "-j2"}},
	{"-S c4 prepared", []string{"-S", "-c4", "-j2", "-M", "prepared"}},
	{"TPC-B c1", []string{"-c1"}},
	{"TPC-B c4", []string{"-c4", "-j2"}},
	{"TPC-B c16", []string{"-c16", "-j2"}},
}

func main() {
	rivals.Serve()
	root := flag.String("root", "", "Debian root directory with postgresql-18 and its client package")
	seconds := flag.Int("time", 4, "duration of one pgbench run in `seconds`")
	rounds := flag.Int("rounds", 5, "runs of each kind; the medians are printed")
	scale := flag.Int("scale", 10, "pgbench's scale factor")
	only := flag.String("only", "", "run only the loads whose name contains this")
	flag.Parse()
	if *root == "" {
		fmt.Fprintln(os.Stderr, "benchpostgres: -root is required; `make bench` sets it")
		os.Exit(2)
	}
	if err := run(*root, *seconds, *rounds, *scale, *only); err != nil {
		fmt.Fprintln(os.Stderr, "benchpostgres:", err)
		os.Exit(1)
	}
}

func run(root string, seconds, rounds, scale int, only string) error {
	work, remove, err := rivals.WorkDir(root)
	if err != nil {
		return err
	}
	defer remove()
	ctx := context.Background()
	place := rivals.Place{Root: root, Work: work}
	var servers []*rivals.Server
	for _, start := range []func(context.Context, rivals.Place) (*rivals.Server, error){rivals.Ours, rivals.Native} {
		s, err := start(ctx, place)
		if err != nil {
			return err
		}
		defer s.Stop()
		servers = append(servers, s)
	}
	fmt.Printf("pgbench -s %d, %d s a run, medians of %d in turn; fsync on\n", scale, seconds, rounds)
	for _, s := range servers {
		start := time.Now()
		if _, err := s.Pgbench("-i", "-q", "-s", fmt.Sprint(scale)); err != nil {
			return err
		}
		fmt.Printf("init %s: %.2f s\n", s.Name, time.Since(start).Seconds())
	}
	fmt.Printf("%-16s %10s %10s %7s   %12s %12s %7s\n", "load", "ours tps", "native", "ratio", "ours us/tx", "native", "ratio")
	for _, l := range loads {
		if !strings.Contains(l.name, only) {
			continue
		}
		var tps, cpu [2][]float64
		for range rounds {
			for i, s := range servers {
				before := s.CPU()
				r, err := s.Pgbench(append([]string{"-n", "-T", fmt.Sprint(seconds)}, l.args...)...)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", s.Name, l.name, err)
				}
				used := s.CPU() - before
				tps[i] = append(tps[i], r.TPS)
				cpu[i] = append(cpu[i], float64(used.Microseconds())/float64(r.Transactions))
			}
		}
		o, n, oc, nc := median(tps[0]), median(tps[1]), median(cpu[0]), median(cpu[1])
		fmt.Printf("%-16s %10.0f %10.0f %7.2f   %12.1f %12.1f %7.2f\n", l.name, o, n, o/n, oc, nc, oc/nc)
	}
	return nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
