//go:build linux

package resources

import (
	"os"
	"slices"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/testenv"
)

// matrix is every resource and what happens without it; the names are those in the table of docs/limits.md.
var matrix = []struct {
	name string
	run  func(t *testing.T)
}{
	{"address space: too little to start", addressesAtStart},
	{"address space: used up by sessions", addressesLater},
	{"threads: too few to start", threadsAtStart},
	{"threads: used up by sessions", threadsLater},
	{"descriptors: too few to start", descriptorsAtStart},
	{"descriptors: used up by sessions", descriptorsLater},
	{"memory: more than a session may have", sessionMemory},
	{"memory: the arena is full", arenaFull},
	{"file size: less than a log segment", fileSizeAtStart},
	{"file size: less than a table", fileSizeLater},
	{"cache: file size", cacheFileSize},
	{"cache: full disk", cacheFull},
	{"cache: read-only, of an older version", cacheReadOnly},
	{"cache: mode 0500", cacheMode},
	{"cache: noexec", cacheNoexec},
	{"cache: file size, whole server", cacheServer},
	{"HOME: unset or relative", noHome},
	{"HOME: unset, and none in the list of users", noHomeAtAll},
	{"TMPDIR: missing", noTempDir},
	{"data directory: dangling link", danglingLink},
}

// TestTable: the page has a row for each test, and a test for each row.
func TestTable(t *testing.T) {
	b, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(b), "| what is missing | outcome |\n|---|---|\n")
	table, _, _ := strings.Cut(page, "\n\n")
	var rows, tests []string
	for line := range strings.Lines(table) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		rows = append(rows, name)
	}
	for _, cell := range matrix {
		tests = append(tests, cell.name)
	}
	if !slices.Equal(rows, tests) {
		t.Errorf("rows %q, tests %q", rows, tests)
	}
}

// TestMatrix runs each in a process of its own.
func TestMatrix(t *testing.T) {
	for _, cell := range matrix {
		t.Run(cell.name, func(t *testing.T) {
			if testenv.InChild(t) {
				cell.run(t)
			}
		})
	}
}
