// Command benchbranch measures what a branch of a cluster costs, in a directory of the file system to be measured: a snapshot
// of a running cluster without and with a load, and beside them cp -a of the data directory. Of each it prints the median
// of the time and of the processor time; the latter tells more on a machine that does other work. See branches.sh.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/pgxembed"
)

var (
	top     = flag.String("dir", "", "an empty directory of the file system")
	name    = flag.String("name", "", "what to call the file system")
	rounds  = flag.Int("rounds", 7, "of each measurement")
	clients = flag.Int("clients", 4, "of the load")
)

func main() {
	flag.Parse()
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	s, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: filepath.Join(*top, "main"), Settings: map[string]string{"max_wal_size": "64MB"}})
	if err != nil {
		return err
	}
	defer s.Close()
	pool, err := pgxembed.NewPool(ctx, s, "")
	if err != nil {
		return err
	}
	defer pool.Close()
	for _, sql := range []string{
		"CREATE TABLE t AS SELECT i AS id, 0 AS n, repeat(md5(i::text), 3) AS a FROM generate_series(1, 500000) i",
		"ALTER TABLE t ADD PRIMARY KEY (id)", "CHECKPOINT",
	} {
		if _, err := pool.Exec(ctx, sql); err != nil {
			return err
		}
	}
	var size int64
	if err := pool.QueryRow(ctx, "SELECT sum(pg_database_size(oid))::bigint FROM pg_database").Scan(&size); err != nil {
		return err
	}
	snapshot := func() error { return s.Snapshot(ctx, filepath.Join(*top, "copy")) }
	idle, err := measure(syscall.RUSAGE_SELF, snapshot)
	if err != nil {
		return err
	}
	loadCtx, stop := context.WithCancel(ctx)
	var load sync.WaitGroup
	for w := range *clients {
		load.Go(func() {
			for i := w; loadCtx.Err() == nil; i += 37 {
				_, _ = pool.Exec(loadCtx, "UPDATE t SET n = n + 1 WHERE id = $1", i%500000+1) // ends with the load
			}
		})
	}
	loaded, err := measure(syscall.RUSAGE_SELF, snapshot)
	stop()
	load.Wait()
	if err != nil {
		return err
	}
	pool.Close()
	if err := s.Close(); err != nil {
		return err
	}
	copied, err := measure(syscall.RUSAGE_CHILDREN, func() error {
		return exec.Command("sh", "-c", `cp -a --reflink=never "$0" "$1" && sync -f "$1"`, filepath.Join(*top, "main"), filepath.Join(*top, "copy")).Run()
	})
	fmt.Printf("%-22s %4d MB  branch %s  with %d clients %s  cp -a and sync %s\n", *name, size>>20, idle, *clients, loaded.wall.Round(time.Millisecond), copied)
	return err
}

// cost is what one run took.
type cost struct{ wall, processor time.Duration }

func (c cost) String() string {
	return fmt.Sprintf("%v (processor %v)", c.wall.Round(time.Millisecond), c.processor.Round(time.Millisecond))
}

// measure returns the medians of the rounds; what each makes is removed.
func measure(who int, do func() error) (median cost, err error) {
	var walls, processors []time.Duration
	for range *rounds {
		before, begin := used(who), time.Now()
		if err := do(); err != nil {
			return median, err
		}
		walls, processors = append(walls, time.Since(begin)), append(processors, used(who)-before)
		if err := os.RemoveAll(filepath.Join(*top, "copy")); err != nil {
			return median, err
		}
	}
	slices.Sort(walls)
	slices.Sort(processors)
	return cost{walls[len(walls)/2], processors[len(processors)/2]}, nil
}

// used is the processor time of this process, or of its children that have ended.
func used(who int) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(who, &r); err != nil {
		log.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
