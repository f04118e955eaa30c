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
