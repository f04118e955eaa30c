//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// result is what came of one run of a file.
type result struct {
	with    string // the programs; "": it did not run
	ok, of  int    // tests
	parts   int    // of ok, those that the file skips by itself
	skipped string // why the file skipped all of itself
	ended   string // how else than well the file ended
	failed  []string
	took    time.Duration
}

// passed reports whether every test that the file planned was run and is ok.
func (r result) passed() bool {
	return r.with != "" && r.skipped == "" && r.ended == "" && r.of > 0 && r.ok == r.of
}

func (r result) String() string {
	switch {
	case r.with == "":
		return "-"
	case r.skipped != "":
		return "skipped: " + r.skipped
	}
	s := fmt.Sprintf("%d of %d", r.ok, r.of)
	if r.ended != "" {
		s += ", " + r.ended
	}
	if len(r.failed) > 0 {
		s += ": " + strings.Join(r.failed[:min(len(r.failed), 3)], "; ")
	}
	return s
}

var (
	planLine = regexp.MustCompile(`^1\.\.(\d+)(?:\s*#\s*(?i:skip)\S*\s*(.*))?`)
	testLine = regexp.MustCompile(`^(not )?ok\b(?:\s+\d+)?(?:\s+-\s+)?([^#]*)(#.*)?`)
	todo     = regexp.MustCompile(`^#\s*(?i:todo)`)
	skip     = regexp.MustCompile(`^#\s*(?i:skip)`)
)

// readReport reads what a file printed: TAP, version 12. Subtests are indented, and count by the line that ends them.
func readReport(report []byte) result {
	var r result
	seen, plan := 0, -1
	lines := bufio.NewScanner(bytes.NewReader(report))
	lines.Buffer(nil, len(report)+1)
	for lines.Scan() {
		line := lines.Text()
		if m := planLine.FindStringSubmatch(line); m != nil {
			plan, _ = strconv.Atoi(m[1])
			if plan == 0 {
				r.skipped = strings.TrimSpace(m[2])
			}
			continue
		}
		if strings.HasPrefix(line, "Bail out!") {
			r.ended = "bailed out"
			continue
		}
		m := testLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		seen++
		if m[1] == "" || todo.MatchString(m[3]) {
			r.ok++
			if skip.MatchString(m[3]) {
				r.parts++
			}
		} else {
			r.failed = append(r.failed, strings.TrimSpace(m[2]))
		}
	}
	r.of = max(plan, seen)
	if plan < 0 && r.ended == "" {
		r.ended = "did not end"
	}
	return r
}
