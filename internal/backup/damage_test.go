package backup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// damages are what can happen to the files of a backup. What is seen without reading the data is listed.
var damages = []struct {
	name   string
	listed bool
	do     func(t *testing.T, b *Backup)
}{
	{"shorter", true, func(t *testing.T, b *Backup) { truncate(t, b.Path, 3) }},
	{"empty", true, func(t *testing.T, b *Backup) { truncate(t, b.Path, 0) }},
	{"longer", true, func(t *testing.T, b *Backup) { overwrite(t, b.Path, strings.Repeat("PGDMP", 100)) }},
	{"gone", true, func(t *testing.T, b *Backup) { unlink(t, b.Path) }},
	{"a directory", true, func(t *testing.T, b *Backup) { unlink(t, b.Path); must(t, os.Mkdir(b.Path, 0o700)) }},
	{"description gone", true, func(t *testing.T, b *Backup) { unlink(t, description(b)) }},
	{"description empty", true, func(t *testing.T, b *Backup) { truncate(t, description(b), 0) }},
	{"description cut", true, func(t *testing.T, b *Backup) { truncate(t, description(b), 100) }},
	{"description of a newer version", true, func(t *testing.T, b *Backup) {
		text, err := os.ReadFile(description(b))
		must(t, err)
		overwrite(t, description(b), string(bytes.Replace(text, []byte(`"version": 1`), []byte(`"version": 99`), 1)))
	}},
	{"other bytes", false, func(t *testing.T, b *Backup) { overwrite(t, b.Path, "PGDMP OF "+b.ID) }},
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	must(t, os.Truncate(path, size))
}

func overwrite(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func unlink(t *testing.T, path string) {
	t.Helper()
	must(t, os.Remove(path))
}

func description(b *Backup) string {
	return strings.TrimSuffix(b.Path, b.Format.extension()) + ".json"
}

// TestDamaged damages the newest backup: it is listed as such, and neither it nor an older one in its place is used.
func TestDamaged(t *testing.T) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			dir := t.TempDir()
			old := fake(t, dir, "app", "old", Custom)
			b := fake(t, dir, "app", "new", Custom)
			b.Created = b.Created.Truncate(time.Second)
			d.do(t, b)
			all, err := List(context.Background(), dir, "app")
			if err != nil || len(all) != 2 || all[0].ID != old.ID || all[1].ID != b.ID || all[1].Tag != "new" || all[1].Created.Truncate(time.Second) != b.Created || all[0].Damaged != nil {
				t.Fatalf("listed: %+v, %v", all, err)
			}
			if (all[1].Damaged != nil) != d.listed {
				t.Error("listed as", all[1].Damaged)
			}
			for _, which := range []string{Latest, b.ID} {
				found, err := Find(context.Background(), dir, "app", which)
				if err == nil {
					err = found.checkFiles(context.Background(), func(int64, int64) {})
				}
				if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), b.ID) {
					t.Errorf("%s: %v", which, err)
				}
				if d.listed && !strings.Contains(err.Error(), old.ID) {
					t.Errorf("%s: the one that is whole is not named: %v", which, err)
				}
			}
			for _, use := range []func() error{
				func() error {
					_, err := Restore(context.Background(), Target{}, RestoreOptions{Backup: &all[1]})
					return err
				},
				func() error { _, err := Verify(context.Background(), VerifyOptions{Backup: &all[1]}); return err },
			} {
				if err := use(); !errors.Is(err, ErrDamaged) {
					t.Error("used:", err)
				}
			}
		})
	}
}

// TestPruneDamaged damages the newest of three: however the rules are, the newest good one stays, and Keep counts good ones.
func TestPruneDamaged(t *testing.T) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			for _, tt := range []struct {
				o    PruneOptions
				want string
			}{
				{PruneOptions{}, "old middle new"},
				{PruneOptions{Keep: 2}, "old middle new"},
				{PruneOptions{OlderThan: time.Nanosecond}, "middle new"},
				{PruneOptions{Keep: 1}, "middle new"},
			} {
				testPruneDamaged(t, d.do, tt.o, tt.want)
			}
		})
	}
}

func testPruneDamaged(t *testing.T, damage func(*testing.T, *Backup), o PruneOptions, want string) {
	dir := t.TempDir()
	fake(t, dir, "app", "old", Custom)
	fake(t, dir, "app", "middle", Custom)
	b := fake(t, dir, "app", "new", Custom)
	damage(t, b)
	o.Dir, o.Name = dir, "app"
	done, err := Prune(context.Background(), o)
	if got := ids(t, dir, "app"); got != want || err != nil {
		t.Errorf("%+v: left %s, want %s; %v", o, got, want, err)
	}
	if o.Keep == 0 {
		return
	}
	if len(done.Damaged) != 1 || done.Damaged[0].ID != b.ID {
		t.Errorf("told as damaged: %v", done.Damaged)
	}
	if o.Keep > 1 {
		return
	}
	// Once a good one is newer, by its ID, the damaged one is removed as any other.
	time.Sleep(time.Until(b.Created.Truncate(time.Second).Add(time.Second)))
	fake(t, dir, "app", "newest", Custom)
	if _, err := Prune(context.Background(), PruneOptions{Dir: dir, Name: "app", Keep: 1}); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, dir, "app"); got != "newest" {
		t.Errorf("left %s", got)
	}
}

// TestPruneDatabases has dumps of two databases under one name: the rules are for each of them.
func TestPruneDatabases(t *testing.T) {
	dir := t.TempDir()
	for _, database := range []string{"a", "b", "b"} {
		fakeOf(t, dir, &Backup{Name: "app", Tag: database, Format: Custom, Database: database})
	}
	if _, err := Prune(context.Background(), PruneOptions{Dir: dir, Name: "app", Keep: 1}); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, dir, "app"); got != "a b" {
		t.Error("left", got)
	}
}

// TestPruneOtherNames has an interrupted backup of a name that begins as another does.
func TestPruneOtherNames(t *testing.T) {
	dir := t.TempDir()
	p, err := begin(dir, "full", &Backup{Name: "app_two", Format: Custom})
	must(t, err)
	p.lock.Close() // its maker is gone
	if done, err := Prune(context.Background(), PruneOptions{Dir: dir, Name: "app"}); err != nil || done.Partial != nil {
		t.Error("another's leftovers were pruned:", done, err)
	}
	if done, err := Prune(context.Background(), PruneOptions{Dir: dir, Name: "app_two"}); err != nil || len(done.Partial) != 1 {
		t.Error("left:", done, err)
	}
}

// TestPruneArchiveUnknown has a base backup whose description is lost: nobody knows which log it needs, so all of it stays.
func TestPruneArchiveUnknown(t *testing.T) {
	dir, archive := t.TempDir(), t.TempDir()
	overwrite(t, filepath.Join(archive, "000000010000000000000003"), "")
	fakeOf(t, dir, &Backup{Name: "app", Format: BaseTar, Base: &Base{StartWAL: "000000010000000000000004"}})
	lost := fakeOf(t, dir, &Backup{Name: "app", Format: BaseTar, Base: &Base{StartWAL: "000000010000000000000002"}})
	unlink(t, description(lost))
	if done, err := Prune(context.Background(), PruneOptions{Dir: dir, Name: "app", Archive: archive}); err != nil || done.Segments != nil {
		t.Error(done, err)
	}
}
