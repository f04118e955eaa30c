package main

import (
	"fmt"
	"strings"
)

// report is the figures of ours and of native.
type report struct {
	options  options
	versions []string
	lines    []line
}

type line struct {
	name, unit   string
	ours, native float64
}

// Bounds that the report judges by: a time of ours may be so many times native's, and the recalls may differ by so much.
const (
	mostRatio  = 1.5
	mostRecall = 0.01
)

func (r *report) time(name, unit string, ours, native float64) {
	r.add(line{name, unit, ours, native})
}

func (r *report) recall(name string, ours, native float64) {
	r.add(line{name, "", ours, native})
}

func (r *report) add(l line) {
	r.lines = append(r.lines, l)
	fmt.Printf("%-45s %s\n", l.name, strings.Join(l.cells(), "  "))
}

func (l line) cells() []string {
	if l.unit == "" {
		verdict := "equal"
		if d := l.ours - l.native; d > mostRecall || -d > mostRecall {
			verdict = fmt.Sprintf("differs by %.3f", d)
		}
		return []string{fmt.Sprintf("%.3f", l.ours), fmt.Sprintf("%.3f", l.native), verdict}
	}
	verdict := fmt.Sprintf("%.2f", l.ours/l.native)
	if l.ours/l.native > mostRatio {
		verdict += fmt.Sprintf(" (over %.1f)", mostRatio)
	}
	return []string{fmt.Sprintf("%.3g %s", l.ours, l.unit), fmt.Sprintf("%.3g %s", l.native, l.unit), verdict}
}

// page is docs/pgvector.md.
func (r *report) page(machine, date string) string {
	o := r.options
	var b strings.Builder
	fmt.Fprintf(&b, `# pgvector beside native

Made by `+"`make bench-vector`"+` on %s, on %s. Native is Debian's PostgreSQL 18 with Debian's pgvector %s; ours is pgvector %s.
%d vectors of %d dimensions lie around %d gaussian centres (seed %d), each of norm 1; both servers have the same ones. Both have
shared_buffers %s, maintenance_work_mem %s and %d parallel maintenance worker(s), and are measured in turn, medians of %d rounds. A query
is a prepared statement with a binary parameter and asks for the nearest %d by the cosine; the recall is the part of the exact
answer, which the benchmark computes itself, and the mean of the indexes built in the rounds. The levels of HNSW and the means of
IVFFlat start from random numbers: recalls within %.2f count as equal.

| | ours | native | time against native |
|---|---|---|---|
`, date, machine, r.versions[1], r.versions[0], o.n, dimensions, o.centres, o.seed, o.buffers, o.memory, o.workers, o.rounds, nearest, mostRecall)
	for _, l := range r.lines {
		fmt.Fprintf(&b, "| %s | %s |\n", l.name, strings.Join(l.cells(), " | "))
	}
	return b.String()
}
