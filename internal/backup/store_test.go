package backup

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fake makes a backup without a server.
func fake(t *testing.T, dir, name, tag string, f Format) *Backup {
	t.Helper()
	return fakeOf(t, dir, &Backup{Name: name, Tag: tag, Format: f, Base: &Base{StartWAL: "000000010000000000000004"}})
}

func fakeOf(t *testing.T, dir string, b *Backup) *Backup {
	t.Helper()
	kind := "full"
	if b.Format.Physical() {
		kind = "base"
	}
	p, err := begin(dir, kind, b)
	if err != nil {
		t.Fatal(err)
	}
	defer p.discard()
	if err := os.WriteFile(p.data(), []byte("PGDMP of "+b.ID), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := p.commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	return b
}

func ids(t *testing.T, dir, name string) string {
	t.Helper()
	all, err := List(context.Background(), dir, name)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, b := range all {
		s = append(s, b.Tag)
	}
	return strings.Join(s, " ")
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, e := range entries {
		s = append(s, e.Name())
	}
	return strings.Join(s, " ")
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "backups")
	if all, err := List(context.Background(), dir, ""); err != nil || all != nil {
		t.Error("without a directory:", all, err)
	}
	one := fake(t, dir, "app", "one", Custom)
	fake(t, dir, "other", "two", Custom)
	fake(t, dir, "app", "three", Custom)
	if got := ids(t, dir, "app"); got != "one three" {
		t.Error(got)
	}
	for which, want := range map[string]string{one.ID: "one", Latest: "three", filepath.Base(one.Path): "one", one.Path: "one"} {
		if b, err := Find(context.Background(), dir, "app", which); err != nil || b.Tag != want {
			t.Errorf("Find(%q) = %v, %v", which, b, err)
		}
	}
	if b, err := Find(context.Background(), dir, "app", "none"); err == nil {
		t.Error("found", b)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, one.Path: 0o600, strings.TrimSuffix(one.Path, ".dump") + ".json": 0o600} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
	}
	if err := one.checkFiles(context.Background(), func(int64, int64) {}); err != nil {
		t.Error(err)
	}
}

// TestInterrupted stops the making of a backup at each step, as a kill would.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	keep := fake(t, dir, "app", "whole", Custom)
	b := &Backup{Name: "app", Format: Custom}
	p, err := begin(dir, "full", b)
	if err != nil {
		t.Fatal(err)
	}
	check := func(step string) {
		t.Helper()
		if got := ids(t, dir, ""); got != "whole" {
			t.Errorf("%s: listed: %s", step, got)
		}
		if dumps, _ := filepath.Glob(filepath.Join(dir, "*.dump")); len(dumps) != 1 {
			t.Errorf("%s: looks complete: %v", step, dumps)
		}
	}
	check("begun")
	if err := os.WriteFile(p.data(), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("half")
	if got, err := Prune(context.Background(), PruneOptions{Dir: dir, Name: "app"}); err != nil || len(got.Partial) != 0 {
		t.Error("one that is being made was pruned:", got, err)
	}
	if err := b.describe(context.Background(), p.data()); err != nil {
		t.Fatal(err)
	}
	if err := b.write(p.manifest()); err != nil {
		t.Fatal(err)
	}
	check("manifest has its name")
	p.lock.Close() // its maker is gone
	if got, err := Prune(context.Background(), PruneOptions{Dir: dir, Name: "other"}); err != nil || len(got.Partial) != 0 {
		t.Error("another's leftovers were pruned:", got, err)
	}
	if _, err := Prune(context.Background(), PruneOptions{Dir: dir, Name: "app"}); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), keep.ID+".dump "+keep.ID+".json"; got != want {
		t.Errorf("left after prune: %s, want %s", got, want)
	}
}

func TestPrune(t *testing.T) {
	dir, archive := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"a", "b", "c"} {
		fake(t, dir, "app", tag, Custom)
	}
	fake(t, dir, "app2", "d", Custom)
	base := fake(t, dir, "app", "e", BaseTar)
	for _, name := range []string{"000000010000000000000003", "000000010000000000000004", "000000020000000000000002", "00000002.history", "mine"} {
		if err := os.WriteFile(filepath.Join(archive, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Prune(context.Background(), PruneOptions{Dir: dir}); err == nil {
		t.Error("pruned without saying whose")
	}
	for _, tt := range []struct {
		o    PruneOptions
		want string
	}{
		{PruneOptions{}, "a b c d e"},
		{PruneOptions{Keep: 1, DryRun: true}, "a b c d e"},
		{PruneOptions{Keep: 1, OlderThan: time.Hour}, "a b c d e"},
		{PruneOptions{Keep: 2, Archive: archive}, "b c d e"},
		{PruneOptions{Keep: 1, OlderThan: time.Nanosecond}, "c d e"},
		{PruneOptions{OlderThan: time.Nanosecond}, "c d e"}, // the last one stays
	} {
		tt.o.Dir, tt.o.Name = dir, "app"
		if _, err := Prune(context.Background(), tt.o); err != nil {
			t.Fatal(err)
		}
		if got := ids(t, dir, ""); got != tt.want {
			t.Errorf("%+v left %s, want %s", tt.o, got, tt.want)
		}
	}
	if got := names(t, archive); got != "000000010000000000000004 00000002.history mine" {
		t.Error("left of the archive:", got, "for", base.ID)
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.json")); err != nil {
		t.Error("a file that is not ours:", err)
	}
}

func TestWords(t *testing.T) {
	for _, word := range []string{"../x", "a/b", "", ".hidden", "-x", strings.Repeat("a", 64), "a b", "a\x00"} {
		o := CreateOptions{Dir: t.TempDir(), Name: "n", Tag: word, Format: Custom}
		if _, err := o.complete("db"); err == nil && word != "" {
			t.Errorf("tag %q is taken", word)
		}
	}
	o := CreateOptions{Dir: t.TempDir(), Format: Custom}
	if _, err := o.complete("my db/ü"); err != nil || o.Name != "my-db--" {
		t.Errorf("%q, %v", o.Name, err)
	}
	if _, err := (&CreateOptions{Name: "n", Format: "zip"}).complete(""); err == nil {
		t.Error("format zip is taken")
	}
}

func TestFormatOf(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for path, want := range map[string]Format{
		file("c", "PGDMP\x01\x10"): Custom, file("s", "--\n-- PostgreSQL database dump\n"): Plain, file("t", "toc.dat\x00\x00"): Tar,
		filepath.Dir(file("d/toc.dat", "")): Directory, filepath.Dir(file("b/base.tar", "")): BaseTar, file("z", "\x1f\x8b\x00"): "",
		filepath.Dir(file("e/x", "")): "", filepath.Join(dir, "none"): "",
	} {
		if got, err := formatOf(path); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", filepath.Base(path), got, err, want)
		}
	}
}

func TestCompare(t *testing.T) {
	want := []Table{{"public", "a", 2, "5"}, {"public", "b", 0, "0"}, {"", largeObjects, 1, "7"}}
	if err := compareTables(want, []Table{want[2], want[0], want[1]}); err != nil {
		t.Error(err)
	}
	for name, got := range map[string][]Table{
		"missing": want[:2], "rows instead": {{"public", "a", 1, "5"}, want[1], want[2]},
		"other contents": {{"public", "a", 2, "6"}, want[1], want[2]}, "not in the original": append(want[:3:3], Table{"x", "y", 1, "1"}),
	} {
		if err := compareTables(want, got); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUntarStays has an archive that names places outside.
func TestUntarStays(t *testing.T) {
	for _, name := range []string{"../out", "/out", "a/../../out"} {
		file := filepath.Join(t.TempDir(), "x.tar")
		writeTar(t, file, name)
		to := filepath.Join(filepath.Dir(file), "to")
		if err := os.Mkdir(to, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := untar(file, to, func(int64) error { return nil }); err == nil {
			t.Errorf("%s was unpacked", name)
		}
		if exists, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "out")); exists != nil {
			t.Error("outside:", exists)
		}
	}
}
