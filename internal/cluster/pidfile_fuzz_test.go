package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzPidFile: whatever a crash or another program has left as postmaster.pid, the directory is refused or the file
// is cleared, and this process is never taken for the owner.
func FuzzPidFile(f *testing.F) {
	for _, s := range []string{
		"", "\x00\x00\x00", "4711\n/pgdata\n1700000000\n5432\n/run\n\n  1234567 89\nready\n", "-1\n/x\n", "1", "99999999999999999999\n",
		"4711\n/var/lib\n\n\n\n\n1 -2\n", "\n\n\n\n\n\n x y\n stopping", "2147483647\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if p := parsePidFile(string(content)); p.Status != strings.TrimSpace(p.Status) {
			t.Errorf("%+v", p)
		}
		dir := t.TempDir()
		name := filepath.Join(dir, pidFileName)
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		err := clearStale(dir)
		_, stat := os.Stat(name)
		if (err == nil) != os.IsNotExist(stat) {
			t.Errorf("clearStale: %v; the file: %v", err, stat)
		}
	})
}
