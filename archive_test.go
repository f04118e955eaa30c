package embeddedpg_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"nself.org/embeddedpg"
)

// TestArchiveFails has the archive moved, made again, removed and in the way of itself under a running server: a base backup is
// not complete, and CheckArchive says why.
func TestArchiveFails(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: base backups take seconds of every processor")
	}
	t.Parallel()
	ctx := context.Background()
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, s *embeddedpg.Server, dir string)
	}{
		{"moved", func(t *testing.T, _ *embeddedpg.Server, dir string) { try(t, os.Rename(dir, dir+".moved")) }},
		{"moved and made again", func(t *testing.T, _ *embeddedpg.Server, dir string) {
			try(t, os.Rename(dir, dir+".moved"))
			try(t, os.Mkdir(dir, 0o700))
		}},
		{"removed", func(t *testing.T, _ *embeddedpg.Server, dir string) { try(t, os.RemoveAll(dir)) }},
		{"made again", func(t *testing.T, _ *embeddedpg.Server, dir string) {
			try(t, os.RemoveAll(dir))
			try(t, os.Mkdir(dir, 0o700))
		}},
		{"another cluster's", func(t *testing.T, s *embeddedpg.Server, dir string) { // basic_archive does not replace a file of other contents
			segment := one[string](t, connect(t, s), "SELECT pg_walfile_name(pg_current_wal_lsn())")
			try(t, os.WriteFile(filepath.Join(dir, segment), []byte("another's"), 0o600))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			top := t.TempDir()
			config := embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword, ArchiveDir: filepath.Join(top, "archive")}
			s := start(t, config)
			defer s.Close()
			if err := s.CheckArchive(ctx); err != nil {
				t.Fatal(err)
			}
			tt.do(t, s, config.ArchiveDir)
			o := embeddedpg.BackupOptions{Dir: filepath.Join(top, "backups")}
			if b, err := s.BaseBackup(ctx, o); err == nil {
				t.Errorf("made %s", b.ID)
			}
			if all, err := embeddedpg.Backups(ctx, o.Dir, ""); err != nil || len(all) != 0 {
				t.Error("listed:", all, err)
			}
			if s.CheckArchive(ctx) == nil {
				t.Error("nothing is wrong")
			}
			// What is written to the archive is found where a restart looks for it.
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			config.ArchiveDir = filepath.Join(top, "new")
			s = start(t, config)
			defer s.Close()
			if _, err := s.BaseBackup(ctx, o); err != nil {
				t.Error("after a restart:", err)
			}
			if err := s.CheckArchive(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestArchiveNone has servers that archive nothing, or as their settings say.
func TestArchiveNone(t *testing.T) {
	t.Parallel()
	for _, config := range []embeddedpg.Config{{}, {ArchiveDir: t.TempDir(), Settings: map[string]string{"archive_mode": "off"}}} {
		config.DataDir = newCluster(t)
		s := start(t, config)
		defer s.Close()
		if err := s.CheckArchive(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
