package pgtest_test

import (
	"flag"
	"os"
	"testing"

	"nself.org/embeddedpg/internal/tempdir"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		os.Exit(tempdir.InMemory(m.Run))
	}
	os.Exit(m.Run())
}
