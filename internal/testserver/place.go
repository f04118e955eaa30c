package testserver

import "os"

// dirEnv names the directory in which servers have theirs.
const dirEnv = "EMBEDDEDPG_PGTEST_DIR"

// parent returns the directory in which the servers' directories are made.
func parent() string {
	for _, dir := range []string{os.Getenv(dirEnv), memory()} {
		if dir != "" {
			return dir
		}
	}
	return os.TempDir()
}
