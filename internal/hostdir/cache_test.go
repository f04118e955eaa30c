//go:build unix

package hostdir_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/hostdir"
)

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode, age time.Duration) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(name), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask is
			t.Fatal(err)
		}
		when := time.Now().Add(-age)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	const day = 24 * time.Hour
	file("old-gone", 0o600, 31*day)
	file("old-new", 0o600, 29*day)
	file("old-writable", 0o666, 31*day)
	file("other", 0o600, 31*day)
	file("target", 0o600, 31*day)
	if err := os.Symlink("target", filepath.Join(dir, "old-link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "old-dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(dir, "old-dir"), time.Now(), time.Now().Add(-31*day)); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	open, err := os.Open(filepath.Join(dir, "old-gone"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()

	limit := func(name string) time.Duration {
		if strings.HasPrefix(name, "old-") {
			return hostdir.Unused
		}
		return 0
	}
	hostdir.Prune(root, limit)
	want := []string{"old-dir", "old-link", "old-new", "old-writable", "other", "target"}
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("left: %v, want %v", got, want)
	}
	if b := content(t, open); b != "old-gone" {
		t.Errorf("the file that was open reads %q", b)
	}

	// One that is used stays.
	st, err := root.Stat("old-new")
	if err != nil {
		t.Fatal(err)
	}
	hostdir.Used(root, "old-new", st)
	st, err = root.Stat("old-new")
	if err != nil || time.Since(st.ModTime()) > time.Minute {
		t.Errorf("used, and modified %s: %v", st.ModTime(), err)
	}
	hourAgo := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := root.Chtimes("old-new", hourAgo, hourAgo); err != nil {
		t.Fatal(err)
	}
	st, err = root.Stat("old-new")
	if err != nil {
		t.Fatal(err)
	}
	hostdir.Used(root, "old-new", st)
	if st, err = root.Stat("old-new"); err != nil || !st.ModTime().Equal(hourAgo) {
		t.Errorf("used twice in a day: %s, %v", st.ModTime(), err)
	}
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func content(t *testing.T, f *os.File) string {
	t.Helper()
	b := make([]byte, 100)
	n, err := f.ReadAt(b, 0)
	if n == 0 {
		t.Fatal(err)
	}
	return string(b[:n])
}
