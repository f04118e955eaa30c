package cluster

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/fault"
)

// newSegment is the size of the log's files in a new cluster, in bytes: DEFAULT_XLOG_SEG_SIZE of pg_config_manual.h.
const newSegment = 16 << 20

// checkFileSize refuses a limit of the size of files that is below a file of the log: without a log a server ends at once. Tables
// above the limit are errors of the statements that make them so.
func checkFileSize(op, dir string, segment uint32) error {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_FSIZE, &limit) != nil || uint64(limit.Cur) >= uint64(segment) {
		return nil
	}
	return &fault.Error{
		Op: op, Path: dir, Err: fmt.Errorf("a file may have %d bytes, and those of the log have %d: %w", limit.Cur, segment, unix.EFBIG),
		Hint: "raise the limit of the size of files (ulimit -f, LimitFSIZE= of a systemd unit)",
	}
}

// segmentSize returns the size of the log's files, in bytes.
func (c *Cluster) segmentSize() uint32 {
	if raw, err := os.ReadFile(filepath.Join(c.dir, "global", "pg_control")); err == nil {
		if control, err := ParseControl(raw); err == nil {
			return control.WALSegmentSize
		}
	}
	return newSegment
}
