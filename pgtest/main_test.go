package pgtest_test

import (
	"os"
	"testing"

	"nself.org/embeddedpg/internal/testenv"
)

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m.Run))
}
