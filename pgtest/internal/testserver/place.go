package testserver

import (
	"os"

	"nself.org/embeddedpg/internal/hostdir"
)

// dirEnv names the directory in which servers have theirs.
const dirEnv = "EMBEDDEDPG_PGTEST_DIR"

// parent returns the directory in which the servers' directories are made.
func parent() string {
	for _, dir := range []string{os.Getenv(dirEnv), hostdir.Memory()} {
		if dir != "" {
			return dir
		}
	}
	return os.TempDir()
}
