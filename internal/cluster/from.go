package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"nself.org/embeddedpg/internal/fault"
)

const opFrom = "make a cluster from a copy"

// CopyFrom makes the cluster as a copy of the one in the directory from, on which no server may run; the lock on it
// is shared with others that copy it. A volatile copy need not survive a power failure.
func (c *Cluster) CopyFrom(ctx context.Context, from string, volatile bool) error {
	from, err := filepath.Abs(from)
	if err != nil {
		return &fault.Error{Op: opFrom, Path: from, Err: err}
	}
	lock, err := shareDir(from)
	if err != nil {
		return &fault.Error{Op: opFrom, Path: from, Hint: "stop the server that runs on it, or let it make a snapshot", Err: reason(err)}
	}
	defer lock.release()
	empty, err := check(from)
	if err == nil && empty {
		err = &fault.Error{Op: opCheck, Path: from, Err: errors.New("it is empty"), Hint: "give a snapshot, or a data directory that holds a cluster"}
	}
	if err == nil {
		err = noServer(from)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", opFrom, err)
	}
	return c.place(opFrom, volatile, func(data string) (shared bool, err error) {
		return copyTree(ctx, from, data, copyOptions{skip: skipStopped, holes: volatile})
	})
}

// skipStopped names what belongs to a run of the server and not to the cluster, and the replication slots: nobody would read
// from a copy's, and they would keep its log for ever.
func skipStopped(name string, _ fs.DirEntry) bool {
	return filepath.Dir(name) == "pg_replslot" || name == pidFileName || name == "postmaster.opts" || strings.HasPrefix(name, filepath.Join("base", "pgsql_tmp"))
}
