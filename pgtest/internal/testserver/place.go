package testserver

import (
	"os"
	"path/filepath"
	"strings"
	"time"

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

// keptPrefix begins the names of directories to which a server's files move.
const keptPrefix = dirPrefix + "kept-"

// settling is how long the files of a server that has just ended may take to come to their directory.
const settling = time.Minute

// WaitKept waits until the files of a server that has just ended are all in their directory.
func WaitKept(dir string) {
	if _, err := os.Stat(dir); err != nil || !strings.HasPrefix(filepath.Base(dir), keptPrefix) {
		return
	}
	for end := time.Now().Add(settling); !hostdir.Kept(dir) && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
}
