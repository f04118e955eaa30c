package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// RecoverOptions say what a physical backup becomes.
type RecoverOptions struct {
	Backup   *Backup // from Find
	DataDir  string
	Archive  string    // directory of archived WAL; "": none
	Time     time.Time // the last moment whose commits are there; zero: the moment at which the backup ended
	ToEnd    bool      // all the log there is
	Timeline string    // to follow, as recovery_target_timeline; "": latest
	Scratch  Scratch
	CacheDir string // of compiled code; "": the default
	Progress func(Progress)

	Incomplete bool // take a base backup of someone else's that has no backup_manifest to prove it by
}

// Recovered is what Recover did.
type Recovered struct {
	Kept string // where the former data directory is now; "" if there was none
}

// A data directory is recovered in a directory beside its place, whose name begins with recoverPrefix and which its maker
// keeps locked. As long as recoverMarker is in there, the data directory in it is the new one and may be removed. Without
// the marker it may be the former one, which is kept in any case.
const (
	recoverPrefix = ".nself-recover-"
	recoverMarker = "unfinished"
)

// formerSuffix ends the name of a former data directory.
const formerSuffix = ".before-20060102_150405.000"

// Recover makes a data directory of a physical backup: it is unpacked beside its place, the log that was archived is replayed up
// to the moment that is wanted, and then it is exchanged with what is in that place in one call. No
// server may be running there. A data directory that was there is kept under another name. If ctx ends, or anything fails, or the
// program is killed, the old data directory is as it was, or the new one is complete and in its place.
func Recover(ctx context.Context, o RecoverOptions) (Recovered, error) {
	b := o.Backup
	if !b.Format.Physical() {
		return Recovered{}, &fault.Error{Op: "restore", Path: b.ID, Err: errors.New("it is a dump of one database, not a base backup"), Hint: "restore it into a running server; only base backups go back to a moment"}
	}
	if !o.Time.IsZero() && o.Time.Before(b.Created) {
		return Recovered{}, &fault.Error{Op: "restore", Path: b.ID, Err: fmt.Errorf("it is younger (%s) than the moment that is wanted", b.Created.Format(time.RFC3339)), Hint: "use an older base backup"}
	}
	o.Progress = oneAtATime(o.Progress)
	if err := b.checkFiles(ctx, func(d, total int64) { o.Progress(Progress{Stage: StageCheck, Done: d, Total: total}) }); err != nil {
		return Recovered{}, err
	}
	if b.Files == nil {
		if err := b.proveBase(ctx, o.CacheDir, o.Incomplete); err != nil {
			return Recovered{}, err
		}
	}
	// Holding the data directory keeps every server from starting on it meanwhile.
	c, err := cluster.Open(o.DataDir)
	if err != nil {
		return Recovered{}, err
	}
	defer c.Close()
	dir, name := filepath.Split(c.Dir())
	clearRecoveries(dir, name)
	tmp, err := os.MkdirTemp(dir, recoverPrefix+name+"-")
	if err != nil {
		return Recovered{}, &fault.Error{Op: "make a directory beside", Path: c.Dir(), Err: err, Hint: "this user must be able to write the directory above"}
	}
	lock, err := os.Open(tmp)
	if err == nil {
		defer lock.Close()
		err = hostdir.TryLock(lock)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(tmp, recoverMarker), nil, 0o600)
	}
	if err != nil {
		os.Remove(tmp)
		return Recovered{}, err
	}
	defer discardRecovery(tmp)
	data := filepath.Join(tmp, "data")
	if err := replay(ctx, o, c, data); err != nil {
		return Recovered{}, fmt.Errorf("restore %s: %w", b.ID, err)
	}
	if err := ctx.Err(); err != nil {
		return Recovered{}, err
	}
	o.Progress(Progress{Stage: StageSwap, Item: c.Dir()})
	if err := os.Remove(filepath.Join(tmp, recoverMarker)); err != nil {
		return Recovered{}, err
	}
	if err := hostdir.SyncPath(tmp); err != nil {
		return Recovered{}, err
	}
	return takePlace(c, data, dir)
}

// discardRecovery removes what a recovery left, but never a data directory that may be the former one.
func discardRecovery(tmp string) {
	if _, err := os.Lstat(filepath.Join(tmp, recoverMarker)); err == nil {
		os.RemoveAll(tmp)
		return
	}
	os.Remove(tmp) // fails if something is in it
}

// replay unpacks the backup at data and recovers it.
func replay(ctx context.Context, o RecoverOptions, c *cluster.Cluster, data string) error {
	b := o.Backup
	if err := b.unpack(ctx, data, o.Progress); err != nil {
		return err
	}
	start, err := (&Backup{Format: BasePlain}).label(data)
	if err != nil {
		return err
	}
	log, err := newWAL(data, start.wal)
	if err != nil {
		return err
	}
	if o.Time.IsZero() && !o.ToEnd {
		log.start = "" // a backup alone needs nothing but the names of the timelines that are taken
	}
	if o.Archive != "" {
		if err := log.add(ctx, o.Archive, true); err != nil {
			return err
		}
	}
	// The last log of the same cluster may not have got into the archive yet.
	if same, err := c.System(); err == nil && same == log.system {
		if err := log.add(ctx, filepath.Join(c.Dir(), "pg_wal"), false); err != nil {
			return err
		}
	}
	if o.ToEnd {
		if err := log.gapless(o.Archive); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(data, "recovery.signal"), nil, 0o600); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(data, "standby.signal")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	o.Progress(Progress{Stage: StageRecover})
	t, stop, err := o.Scratch(ctx, data, recoverySettings(o))
	if err != nil {
		return targetHint(err, o)
	}
	t.User = b.user()
	err = promoted(ctx, t)
	if ended := stop(); ended != nil {
		return targetHint(ended, o) // it is why err is there
	}
	if err != nil {
		return err
	}
	o.Progress(Progress{Stage: StageFlush})
	return hostdir.SyncTree(data)
}

// promoted waits until recovery has ended: with hot_standby off, sessions are refused until then.
func promoted(ctx context.Context, t Target) error {
	const cannotConnectNow = "57P03" // ERRCODE_CANNOT_CONNECT_NOW
	for {
		s, err := t.connect(ctx, "template1")
		if err == nil {
			s.close()
			return nil
		}
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != cannotConnectNow {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// targetHint says what to do where the log ends before the moment that is wanted.
func targetHint(err error, o RecoverOptions) error {
	if !strings.Contains(err.Error(), "before configured recovery target was reached") {
		return err
	}
	return &fault.Error{
		Op: "recover up to " + o.Time.Format(time.RFC3339Nano), Err: errors.New("the log ends before that moment, or nothing was committed after it"),
		Hint: "name the directory of archived log, an earlier moment, or all of the log",
	}
}

// takePlace exchanges the new data directory with the old one, or renames it to an empty place.
func takePlace(c *cluster.Cluster, data, dir string) (Recovered, error) {
	if c.Empty() {
		if err := unix.Rename(data, c.Dir()); err != nil {
			os.RemoveAll(data)
			return Recovered{}, &fault.Error{Op: "put the data directory at", Path: c.Dir(), Err: err}
		}
		return Recovered{}, hostdir.SyncPath(dir)
	}
	if err := exchange(data, c.Dir()); err != nil {
		os.RemoveAll(data)
		return Recovered{}, &fault.Error{
			Op: "exchange the data directory with", Path: c.Dir(), Err: err,
			Hint: "this file system cannot exchange two directories: restore into a new directory instead",
		}
	}
	if err := hostdir.SyncPath(dir); err != nil {
		return Recovered{}, err
	}
	kept := c.Dir() + time.Now().UTC().Format(formerSuffix)
	if err := os.Rename(data, kept); err != nil {
		return Recovered{Kept: data}, err
	}
	return Recovered{Kept: kept}, errors.Join(hostdir.SyncPath(filepath.Dir(data)), hostdir.SyncPath(dir))
}

// clearRecoveries removes what recoveries of the same data directory left that were killed. One that was killed after the
// exchange has left the former data directory: that is kept.
func clearRecoveries(dir, name string) {
	left, _ := filepath.Glob(filepath.Join(dir, recoverPrefix+name+"-*"))
	for _, tmp := range left {
		lock, err := os.Open(tmp)
		if err != nil {
			continue
		}
		if hostdir.TryLock(lock) == nil {
			if _, err := os.Lstat(filepath.Join(tmp, recoverMarker)); err != nil {
				_ = os.Rename(filepath.Join(tmp, "data"), filepath.Join(dir, name)+time.Now().UTC().Format(formerSuffix))
			}
			discardRecovery(tmp)
		}
		lock.Close()
	}
}
