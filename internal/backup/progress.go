package backup

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Progress tells where a backup, a check or a restore is.
type Progress struct {
	Stage Stage
	Done  int64  // of Total: bytes, or as the stage says
	Total int64  // 0 if that is not known
	Bytes int64  // in the backup so far, while one is made
	Item  string // what is being done: a table, an index
}

// Stage is a part of the work.
type Stage string

// The stages.
const (
	StageCompile Stage = "compile" // the client programs, once on a machine
	StageDump    Stage = "dump"    // pg_dump; Done and Total are bytes of the tables on the server, as far as is known
	StageSum     Stage = "sum"     // tables are counted and added up; Done and Total are tables
	StageCopy    Stage = "copy"    // pg_basebackup, or a base backup is unpacked
	StageArchive Stage = "archive" // the log that was written meanwhile is archived
	StageFlush   Stage = "flush"   // checksums of the files, and flushing to disk
	StageCheck   Stage = "check"   // files are compared with their checksums
	StageRestore Stage = "restore" // pg_restore or psql; Done and Total are bytes of the backup
	StageIndex   Stage = "index"   // pg_restore makes indexes and constraints; Done and Total are their number
	StageAnalyze Stage = "analyze" // the planner's statistics are taken
	StageSwap    Stage = "swap"    // the restored database takes the place of the old one
	StageRecover Stage = "recover" // the write-ahead log is replayed
)

// oneAtATime makes a callback that goroutines share one that is never called twice at once.
func oneAtATime(f func(Progress)) func(Progress) {
	if f == nil {
		return func(Progress) {}
	}
	var mu sync.Mutex
	return func(p Progress) {
		mu.Lock()
		defer mu.Unlock()
		f(p)
	}
}

// every is how often progress is told of what has no events of its own.
const every = 250 * time.Millisecond

// ticking calls f now and then until stop is called, which waits for it.
func ticking(ctx context.Context, f func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(every):
				f()
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// telling returns the target whose programs tell progress of being compiled.
func (t Target) telling(progress func(Progress)) Target {
	t.compile = func(time.Duration) { progress(Progress{Stage: StageCompile}) }
	return t
}

// reader tells how far a program is that reads a backup: bytes, then indexes.
type reader struct {
	progress func(Progress)
	total    int64 // bytes
	indexes  int64 // 0: not known
	read     atomic.Int64

	mu struct {
		sync.Mutex
		item    string
		made    int64 // indexes, with the one in hand
		indexes bool  // it is at them
	}
}

// of returns the target whose programs' reads of the backup at path are counted.
func (r *reader) of(t Target, path string) Target {
	t.input, t.read = path, &r.read
	return t
}

// tell tells where the program is.
func (r *reader) tell() {
	r.mu.Lock()
	p := Progress{Stage: StageRestore, Done: min(r.read.Load(), r.total), Total: r.total, Item: r.mu.item}
	if r.mu.indexes {
		p.Stage, p.Done, p.Total = StageIndex, r.mu.made-1, max(r.indexes, r.mu.made)
	}
	r.mu.Unlock()
	r.progress(p)
}

// line takes a line of pg_restore --verbose: _printTocEntry and restore_toc_entry in src/bin/pg_dump/pg_backup_archiver.c.
func (r *reader) line(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, table, ok := strings.Cut(text, "processing data for table "); ok {
		r.mu.item, r.mu.indexes = strings.Trim(table, `"`), false
		return
	}
	_, what, ok := strings.Cut(text, ": creating ")
	for _, kind := range indexKinds {
		if name, is := strings.CutPrefix(what, kind+" "); ok && is {
			r.mu.item, r.mu.indexes = strings.Trim(name, `"`), true
			r.mu.made++
		}
	}
}

// indexKinds are the entries of an archive that are built from a table's rows.
var indexKinds = []string{"INDEX", "CONSTRAINT", "FK CONSTRAINT"}

// countIndexes counts them in an archive's list, whose lines are: 3345; 2606 16390 CONSTRAINT public t t_pkey owner.
func countIndexes(line string) (n int64) {
	number, entry, ok := strings.Cut(line, "; ")
	if !ok || strings.HasPrefix(number, ";") {
		return 0
	}
	words := strings.SplitN(entry, " ", 3)
	for _, kind := range indexKinds {
		if len(words) == 3 && strings.HasPrefix(words[2], kind+" ") {
			return 1
		}
	}
	return 0
}
