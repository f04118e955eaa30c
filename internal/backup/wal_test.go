package backup

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// segment writes a file as the server archives it.
func (w *wal) segment(t *testing.T, dir string, number uint64, system uint64) string {
	t.Helper()
	per := uint64((1 << 32) / w.size)
	name := fmt.Sprintf("00000001%08X%08X", number/per, number%per)
	text := make([]byte, w.size)
	binary.LittleEndian.PutUint64(text[8:], number*uint64(w.size))
	binary.LittleEndian.PutUint64(text[24:], system)
	overwrite(t, filepath.Join(dir, name), string(text))
	return filepath.Join(dir, name)
}

// TestAddWAL damages an archive: recovery would end at what is wrong as if the log ended there.
func TestAddWAL(t *testing.T) {
	const ours, theirs = 7, 8
	for _, tt := range []struct {
		name    string
		damage  func(t *testing.T, w *wal, dir string, path string)
		added   bool // add finds nothing wrong
		gapless bool
	}{
		{"whole", func(*testing.T, *wal, string, string) {}, true, true},
		{"empty", func(t *testing.T, _ *wal, _, path string) { truncate(t, path, 0) }, false, false},
		{"cut", func(t *testing.T, w *wal, _, path string) { truncate(t, path, w.size-1) }, false, false},
		{"zeros", func(t *testing.T, w *wal, _, path string) { overwrite(t, path, string(make([]byte, w.size))) }, false, false},
		{"of another cluster", func(t *testing.T, w *wal, dir, _ string) { w.segment(t, dir, 4096, theirs) }, false, false},
		{"of another place", func(t *testing.T, w *wal, dir, path string) {
			must(t, os.Rename(w.segment(t, dir, 5000, ours), path))
		}, false, false},
		{"missing", func(t *testing.T, _ *wal, _, path string) { unlink(t, path) }, true, false},
		{"first missing", func(t *testing.T, _ *wal, dir, _ string) { unlink(t, filepath.Join(dir, "000000010000000000000FFF")) }, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &wal{data: t.TempDir(), start: "000000010000000000000FFF", system: ours, size: 1 << 20}
			must(t, os.Mkdir(filepath.Join(w.data, "pg_wal"), 0o700))
			dir := t.TempDir()
			var middle string
			for n := uint64(4094); n < 4098; n++ {
				if path := w.segment(t, dir, n, ours); n == 4096 {
					middle = path
				}
			}
			tt.damage(t, w, dir, middle)
			err := w.add(context.Background(), dir, true)
			if (err == nil) != tt.added {
				t.Error("added:", err)
			}
			if err := w.gapless(dir); err == nil && tt.added && !tt.gapless || err != nil && tt.gapless {
				t.Error("gapless:", err)
			}
			if _, err := os.Stat(filepath.Join(w.data, "pg_wal", "000000010000000000000FFE")); err == nil {
				t.Error("a segment before the first was added")
			}
			// A server's own directory has such files, for later use.
			if err := w.add(context.Background(), dir, false); err != nil {
				t.Error("from pg_wal:", err)
			}
		})
	}
	w := &wal{start: "000000010000000000000FFF"}
	if w.add(context.Background(), filepath.Join(t.TempDir(), "none"), true) == nil {
		t.Error("an archive that is not there")
	}
	if err := w.add(context.Background(), filepath.Join(t.TempDir(), "none"), false); err != nil {
		t.Error(err)
	}
}
