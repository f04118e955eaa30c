//go:build linux

package resources

import (
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
