package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/backup"
)

// Where a check warns, and where it fails.
const (
	busyConnections = 80       // percent
	lowDisk         = 1 << 30  // bytes: the log of transactions alone may take 1 GB (max_wal_size)
	noDisk          = 64 << 20 // four segments of the log, without which the server stops
	oldXID          = 1 << 30  // of about 2^31 transactions, after which the server takes no more that write
	ancientXID      = 1_600_000_000
	recentCrash     = 7 * 24 * time.Hour
	oldBackup       = 7 * 24 * time.Hour
)

// problem is a finding with its hint.
func problem(status, check, detail, hint string) finding {
	return finding{Check: check, Status: status, Detail: detail, Hint: hint}
}

// checkFacts judges what the server has said.
func checkFacts(f facts) []finding {
	return append([]finding{checkConnections(f), checkArchived(f), checkXIDs(f), checkChecksums(f)}, checkSlots(f)...)
}

func checkConnections(f facts) finding {
	const check = "connections"
	switch {
	case f.full || f.connections >= f.most-f.reserved:
		return problem("failure", check, fmt.Sprintf("all connections are taken, %d of %d with %d kept for superusers: clients are refused", f.connections, f.most, f.reserved), fullHint)
	case f.connections*100 >= f.most*busyConnections:
		return problem("warning", check, fmt.Sprintf("%d of %d are taken", f.connections, f.most), "see whose they are: nself psql -c 'SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3'; or raise POSTGRES_MAX_CONNECTIONS in .env and nself restart postgres")
	}
	return fine(check, "%d of %d are taken", f.connections, f.most)
}

func checkArchived(f facts) finding {
	const check = "archive"
	switch {
	case !f.archiving:
		return fine(check, "the log is not archived (NSELF_WAL_ARCHIVE)")
	case f.failedAt != nil && (f.archivedAt == nil || f.failedAt.After(*f.archivedAt)):
		return problem("failure", check, fmt.Sprintf("the log is not archived since %s: %s could not be written", f.failedAt.Local().Format(time.DateTime), f.failedWAL),
			"nself logs postgres says why; when that is mended, the server archives what has waited by itself")
	case f.archivedAt == nil:
		return fine(check, "nothing was to be archived yet")
	}
	return fine(check, "last written at %s", f.archivedAt.Local().Format(time.DateTime))
}

func checkXIDs(f facts) finding {
	const check = "transaction ids"
	hint := "run nself pg vacuumdb --all --freeze; if that does not help, a transaction, a prepared one or a replication slot holds them"
	switch detail := fmt.Sprintf("the database %s has used %d million of 2,147 million since its oldest row was frozen", f.xidDatabase, f.xidAge/1_000_000); {
	case f.xidAge >= ancientXID:
		return problem("failure", check, detail, hint)
	case f.xidAge >= oldXID:
		return problem("warning", check, detail, hint)
	}
	return fine(check, "%d million of 2,147 million used", f.xidAge/1_000_000)
}

func checkChecksums(f facts) finding {
	if f.badChecksums > 0 {
		return problem("failure", "checksums", plural(int(f.badChecksums), "damaged page")+" found while reading", "the disk or its driver is at fault: move the database to another, from a backup that was verified")
	}
	return fine("checksums", "no damaged page found")
}

// checkSlots finds replication slots that have lost what they need, or make the log grow.
func checkSlots(f facts) (list []finding) {
	const check = "replication"
	for _, s := range f.slots {
		drop := fmt.Sprintf("if its standby does not come back: nself psql -c \"SELECT pg_drop_replication_slot('%s')\"", s.name)
		switch {
		case s.status == "lost" || s.status == "unreserved":
			list = append(list, problem("failure", check, fmt.Sprintf("the slot %s needs log that is gone or about to go: its standby has to be made again", s.name), drop))
		case s.retained > f.maxWALSize:
			list = append(list, problem("warning", check, fmt.Sprintf("the slot %s lags by %s, which the log keeps for it", s.name, size(s.retained)), drop))
		default:
			list = append(list, fine(check, "the slot %s lags by %s", s.name, size(s.retained)))
		}
	}
	return list
}

// checkArchiveDir looks whether the archive's directory is the one that the server writes to.
func checkArchiveDir(s supervisor.State) []finding {
	if s.Archive == "" {
		return nil
	}
	id, err := supervisor.DirID(s.Archive)
	if err == nil && id == s.ArchiveID {
		return nil
	}
	detail := "its directory " + s.Archive + " was moved or removed while the server runs"
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		detail = err.Error()
	}
	return []finding{problem("failure", "archive", detail, "put it back, or make it again by nself restart postgres; then make a base backup: nself backup create --type base")}
}

// freeDisk is a finding on the room in a directory, or in the nearest one above it that exists.
func freeDisk(dir string) finding {
	const check = "disk"
	var st unix.Statfs_t
	for at := dir; ; at = filepath.Dir(at) {
		err := unix.Statfs(at, &st)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.ENOENT) || at == filepath.Dir(at) {
			return failed(check, &embeddedpg.Error{Op: "look at", Path: at, Err: err, Hint: "set NSELF_RUNTIME_DIR to a directory that this user can use"})
		}
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	detail := fmt.Sprintf("only %s are free for %s", size(free), dir)
	const hint = "make room, or set NSELF_RUNTIME_DIR to a directory on another disk"
	switch {
	case free < noDisk:
		return problem("failure", check, detail, hint)
	case free < lowDisk:
		return problem("warning", check, detail, hint)
	}
	return fine(check, "%s free", size(free))
}

// checkCrash tells of the last crash.
func checkCrash(paths supervisor.Paths) []finding {
	c := paths.LastCrash()
	if c == nil {
		return nil
	}
	detail := fmt.Sprintf("%s ago: %s", roughly(time.Since(c.At)), c.Reason)
	if len(c.Log) > 0 {
		detail += ": " + c.Log[0]
	}
	if time.Since(c.At) > recentCrash {
		return []finding{fine("last crash", "%s", detail)}
	}
	return []finding{problem("warning", "last crash", detail, "it was recovered from, and nothing committed is lost; more is in "+paths.Log())}
}

// checkBackups tells of the newest backup that nothing is known to be wrong with.
func (p *project) checkBackups(ctx context.Context) finding {
	const check = "last backup"
	dir, name, err := (&backups{project: p}).place()
	if err != nil {
		return failed(check, err)
	}
	all, err := backup.List(ctx, dir, name)
	if err != nil {
		return failed(check, err)
	}
	var last *backup.Backup
	damaged := 0
	for i := range all {
		if all[i].Damaged != nil {
			damaged++
		} else if last == nil || all[i].Created.After(last.Created) {
			last = &all[i]
		}
	}
	const hint = "make one: nself backup create"
	switch {
	case damaged > 0:
		return problem("warning", check, plural(damaged, "backup")+" of "+name+" damaged", "nself backup list says which, and why; "+hint)
	case last == nil:
		return fine(check, "none yet: nself backup create")
	case time.Since(last.Created) > oldBackup:
		return problem("warning", check, fmt.Sprintf("%s, %s old", last.ID, roughly(time.Since(last.Created))), hint)
	}
	return fine(check, "%s, %s old", last.ID, roughly(time.Since(last.Created)))
}

// roughly is a duration for people.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return plural(int(d/time.Second), "second")
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return plural(int(d/time.Hour), "hour")
	}
	return plural(int(d/(24*time.Hour)), "day")
}

// only returns the findings of a status.
func only(status string, findings []finding) (list []finding) {
	for _, f := range findings {
		if f.Status == status {
			list = append(list, f)
		}
	}
	return list
}
