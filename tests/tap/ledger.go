//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// entry is a row of the ledger.
type entry struct {
	file         string
	ours, native result
	// As the ledger has them.
	status, with, reason string
	oursCell, nativeCell string
}

// Status words of the ledger.
const (
	supported   = "supported"
	unsupported = "unsupported" // by design: the reason names it
	blocked     = "blocked"     // by something that could be had
	unexplained = "?"           // a failure that nobody has looked at: a run fails
)

type ledger map[string]entry

// worse reports whether the file failed and the ledger does not say that it does.
func (e entry) worse(old entry) bool {
	if e.ours.with == "" || e.ours.passed() || e.ours.skipped != "" {
		return false
	}
	return old.status != unsupported && old.status != blocked
}

// merged returns the row for the ledger: what is new in e, and what old knows beside that.
func (e entry) merged(old entry) entry {
	m := old
	m.file = e.file
	if e.native.with != "" {
		m.nativeCell = e.native.cell()
	}
	switch {
	case e.ours.with == "":
		return m
	case e.ours.skipped != "":
		m.status, m.reason = blocked, "the file skips itself: "+e.ours.skipped
	case e.ours.passed():
		m.status, m.reason = supported, ""
	case old.status != unsupported && old.status != blocked || old.reason == "":
		m.status = unexplained
	}
	m.oursCell, m.with = e.ours.cell(), e.ours.with
	return m
}

// cell is a result as the ledger shows it.
func (r result) cell() string {
	switch {
	case r.with == "":
		return ""
	case r.skipped != "":
		return "skips"
	}
	s := fmt.Sprintf("%d of %d", r.ok, r.of)
	if r.ended != "" {
		s += ", " + r.ended
	}
	return s
}

func (l ledger) summary() string {
	n := map[string]int{}
	native, both := 0, 0
	for _, e := range l {
		n[e.status]++
		ok, of, _ := strings.Cut(e.nativeCell, " of ")
		if ok == of && ok != "" {
			native++
			if e.status == supported {
				both++
			}
		}
	}
	return fmt.Sprintf("%d files: %d supported, %d unsupported, %d blocked, %d not looked at; native passes %d, and of these %d are supported",
		len(l), n[supported], n[unsupported], n[blocked], n[unexplained]+n[""], native, both)
}

const head = `# PostgreSQL's TAP tests

Made by ` + "`tests/suites.sh tap -update`" + `, which keeps the reasons; [testing of PostgreSQL](../../docs/testing-of-postgres.md)
says what it does. "ours" is how many of a file's tests pass with this project's programs, "native" with Debian's PostgreSQL
on the same machine. "with" is whose programs ran: "all" are ours (but pg_ctl, which is Debian's everywhere); "server", ours with
Debian's client programs; "shell", ours with a server that can run command lines, which no user gets.

`

func (l ledger) write(path string) error {
	var b strings.Builder
	b.WriteString(head + l.summary() + ".\n\n| file | status | with | ours | native | reason |\n|---|---|---|---|---|---|\n")
	for _, file := range slices.Sorted(maps.Keys(l)) {
		e := l[file]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", file, e.status, e.with, e.oursCell, e.nativeCell, strings.ReplaceAll(e.reason, "|", "/"))
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// updateLedger puts what came of a file into the ledger, which another run may have written meanwhile.
func updateLedger(path string, e entry) error {
	l, err := readLedger(path)
	if err != nil {
		return err
	}
	l[e.file] = e.merged(l[e.file])
	return l.write(path)
}

func readLedger(path string) (ledger, error) {
	l := ledger{}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 8 || !strings.Contains(cells[1], ".pl") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		l[cells[1]] = entry{file: cells[1], status: cells[2], with: cells[3], oursCell: cells[4], nativeCell: cells[5], reason: cells[6]}
	}
	return l, err
}
