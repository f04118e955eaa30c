package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/backup"
)

// TestBackupProgress shows a restore of 100 MB at 10 MB a second, and a dump with its sums beside it.
func TestBackupProgress(t *testing.T) {
	var b bytes.Buffer
	now := time.Now()
	p := &backupProgress{w: &b, terminal: true, now: func() time.Time { return now }}
	last := func() string {
		text := b.String()
		return text[strings.LastIndex(text, "\x1b[K")+3:]
	}
	const mb = 1 << 20
	for i := range int64(5) {
		p.show(backup.Progress{Stage: backup.StageRestore, Done: i * 10 * mb, Total: 100 * mb, Item: "public.t"})
		now = now.Add(time.Second)
	}
	for _, want := range []string{"Restoring 40 %", "40 MB of 100 MB", "10 MB/s", "0:06 left", "(public.t)"} {
		if !strings.Contains(last(), want) {
			t.Errorf("no %q in %q", want, last())
		}
	}
	p.show(backup.Progress{Stage: backup.StageIndex, Done: 2, Total: 7, Item: "public.i"})
	if got := last(); !strings.Contains(got, "indexes") || !strings.Contains(got, "3 of 7 (public.i)") || strings.Contains(got, "left") {
		t.Error(got)
	}
	p.show(backup.Progress{Stage: backup.StageDump, Done: 1 * mb, Total: 4 * mb, Bytes: 20 << 10, Item: "public.t"})
	p.show(backup.Progress{Stage: backup.StageSum, Done: 1, Total: 7})
	if got := last(); !strings.Contains(got, "Dumping 25 %") || !strings.Contains(got, "20 kB written") {
		t.Error(got)
	}
	p.show(backup.Progress{Stage: backup.StageDump, Done: 4 * mb, Total: 4 * mb})
	p.show(backup.Progress{Stage: backup.StageSum, Done: 1, Total: 7})
	if got := last(); !strings.Contains(got, "2 of 7") {
		t.Error(got)
	}
	p.end()
	if got := last(); got != "" {
		t.Error(got)
	}

	b.Reset()
	p = &backupProgress{w: &b, now: time.Now}
	for i := range int64(3) {
		p.show(backup.Progress{Stage: backup.StageRestore, Done: i, Total: 3})
	}
	p.show(backup.Progress{Stage: backup.StageIndex, Done: 1, Total: 3})
	if got := b.String(); strings.Count(got, "\n") != 2 || strings.Contains(got, "\x1b") {
		t.Errorf("without a terminal: %q", got)
	}
}
