package cluster

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"nself.org/embeddedpg/internal/fault"
)

const opSnapshot = "make a snapshot"

// Backup is a server's side of a copy of its running cluster: pg_backup_start and pg_backup_stop.
type Backup interface {
	// Start makes the server write what a copy needs, and keep its write-ahead log.
	Start(context.Context) error
	// Stop ends that. Without it, the end of the caller's session does. It returns the backup_label, and the names of the files in pg_wal that a copy made since
	// Start needs to be consistent.
	Stop(context.Context) (label string, wal []string, err error)
}

// Snapshot copies the cluster in the directory from, whose server runs, into c, which must be empty. Between the two
// calls of b files change while they are copied; recovery, with which every start of the copy begins, makes them those
// of the moment of Stop from the write-ahead log.
func (c *Cluster) Snapshot(ctx context.Context, from string, b Backup, volatile bool) error {
	return c.place(opSnapshot, volatile, func(data string) (shared bool, err error) {
		if err := b.Start(ctx); err != nil {
			return false, &fault.Error{Op: opSnapshot, Path: c.dir, Err: err}
		}
		if shared, err = copyTree(ctx, from, data, copyOptions{skip: skipRunning, gone: true}); err != nil {
			return false, err
		}
		if err := copyControl(from, data); err != nil {
			return false, err
		}
		label, wal, err := b.Stop(ctx)
		if err != nil {
			return false, &fault.Error{Op: opSnapshot, Path: c.dir, Err: err}
		}
		if err := outside(data); err != nil {
			return false, err
		}
		var files copier
		buf := make([]byte, copyBlock)
		for _, name := range wal {
			if err := files.file(filepath.Join(from, "pg_wal", name), filepath.Join(data, "pg_wal", name), buf); err != nil {
				return false, err
			}
		}
		// The label makes recovery begin at the checkpoint of Start, not at the one that the copied pg_control names.
		return shared, os.WriteFile(filepath.Join(data, "backup_label"), []byte(label), 0o600)
	})
}

// emptied are the directories whose contents a backup leaves out: excludeDirContents in
// src/backend/backup/basebackup.c, and the write-ahead log.
var emptied = map[string]bool{
	"pg_dynshmem": true, "pg_notify": true, "pg_replslot": true, "pg_serial": true, "pg_snapshots": true,
	"pg_stat_tmp": true, "pg_subtrans": true, "pg_wal": true,
}

// temporary matches files that end with a session or a run: excludeFiles in basebackup.c, and temporary relations
// (looks_like_temp_rel_name in src/backend/storage/file/reinit.c).
var temporary = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(pg_internal\.init.*|pgsql_tmp.*|t\d+_\d+(_(fsm|vm|init))?(\.\d+)?)$`)
})

func skipRunning(name string, d fs.DirEntry) bool {
	dir, base := filepath.Split(name)
	top, _, _ := strings.Cut(name, string(filepath.Separator))
	switch {
	case emptied[top] && dir != "", name == controlFile:
		return true
	case dir == "":
		return base == pidFileName || base == "postmaster.opts" || base == "postgresql.auto.conf.tmp" ||
			base == "current_logfiles.tmp" || base == "backup_label" || base == "backup_manifest" || temporary().MatchString(base)
	}
	return temporary().MatchString(base)
}

// controlFile is relative to the data directory.
var controlFile = filepath.Join("global", "pg_control")

// copyControl copies the file that a server overwrites in place, once it was read whole: get_controlfile in
// src/common/controldata_utils.c tries again for the same reason.
func copyControl(from, to string) error {
	for tries := 0; ; tries++ {
		b, err := os.ReadFile(filepath.Join(from, controlFile))
		if err != nil {
			return err
		}
		if _, err := ParseControl(b); err == nil {
			return os.WriteFile(filepath.Join(to, controlFile), b, 0o600)
		} else if tries == 10 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
