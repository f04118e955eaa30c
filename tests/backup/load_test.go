package backup

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"nself.org/embeddedpg"
)

// start starts a server of ours until the end of the test; it needs no native one.
func start(t *testing.T, config embeddedpg.Config) *embeddedpg.Server {
	t.Helper()
	config.Password = password
	s, err := embeddedpg.Start(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestUnderLoad makes backups of both kinds while 8 clients write, and restores them elsewhere; the base backup also to a moment
// between two known transactions.
func TestUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: backups under load take seconds of every processor")
	}
	ctx := context.Background()
	top := t.TempDir()
	archive, backups := filepath.Join(top, "archive"), filepath.Join(top, "backups")
	s := start(t, embeddedpg.Config{DataDir: filepath.Join(top, "data"), ArchiveDir: archive})
	conn := s.ConnString("")
	setUpLoad(t, conn)
	l := startLoad(t, conn)
	dump, err := s.Backup(ctx, embeddedpg.BackupOptions{Dir: backups})
	if err != nil {
		t.Fatal(err)
	}
	base, err := s.BaseBackup(ctx, embeddedpg.BackupOptions{Dir: backups})
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, conn)
	defer c.Close(ctx)
	mark := func(name string) {
		if _, err := c.Exec(ctx, "INSERT INTO marks VALUES ($1)", name); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	mark("first")
	var moment time.Time
	if err := c.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&moment); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	mark("second")
	committed := l.stop()
	t.Logf("%d transactions meanwhile", committed)
	if committed < 100 {
		t.Error("hardly any load")
	}
	all := consistent(t, "the original", conn)
	if _, err := c.Exec(ctx, "SELECT pg_switch_wal()"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // archives the rest
		t.Fatal(err)
	}

	if v, err := embeddedpg.VerifyBackup(ctx, dump, embeddedpg.VerifyBackupOptions{}); err != nil || !v.Compared {
		t.Error(v.Compared, err)
	}
	other := start(t, embeddedpg.Config{})
	if _, err := other.Restore(ctx, dump, embeddedpg.RestoreOptions{Database: "copy"}); err != nil {
		t.Fatal(err)
	}
	if n := consistent(t, "the dump", other.ConnString("copy")); n == 0 || n > all {
		t.Errorf("the dump has %d transactions of %d", n, all)
	}

	for _, tt := range []struct {
		name, marks string
		o           embeddedpg.RestoreBaseOptions
	}{
		{"base", "", embeddedpg.RestoreBaseOptions{}},
		{"moment", "first", embeddedpg.RestoreBaseOptions{ArchiveDir: archive, Time: moment}},
		{"end", "first second", embeddedpg.RestoreBaseOptions{ArchiveDir: archive, ToEnd: true}},
	} {
		tt.o.DataDir = filepath.Join(top, tt.name)
		n := restoreBase(t, tt.name, base, tt.o, tt.marks)
		if n == 0 || n > all || (tt.name == "end") != (n == all) {
			t.Errorf("%s: %d transactions of %d", tt.name, n, all)
		}
	}
}

// restoreBase restores a base backup, wants marks in it, and returns how many transactions it has.
func restoreBase(t *testing.T, name string, base *embeddedpg.Backup, o embeddedpg.RestoreBaseOptions, want string) int64 {
	t.Helper()
	ctx := context.Background()
	if _, err := embeddedpg.RestoreBase(ctx, base, o); err != nil {
		t.Fatal(name, err)
	}
	r := start(t, embeddedpg.Config{DataDir: o.DataDir})
	n := consistent(t, name, r.ConnString(""))
	c := connect(t, r.ConnString(""))
	var marks string
	if err := c.QueryRow(ctx, "SELECT coalesce(string_agg(name, ' ' ORDER BY at), '') FROM marks").Scan(&marks); err != nil || marks != want {
		t.Errorf("%s: marks %q, want %q, %v", name, marks, want, err)
	}
	c.Close(ctx)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	return n
}
