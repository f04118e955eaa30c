package backup

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/fault"
)

// walNameLen is the length of a segment's name: timeline, log and segment in hexadecimal (XLOG_FNAME_LEN,
// src/include/access/xlog_internal.h).
const walNameLen = 24

var (
	walName     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-F]{24}(\.partial)?$`) })
	historyName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-F]{8}\.history$`) })
)

func isWAL(name string) bool { return walName().MatchString(name) }

// wal is the write-ahead log that is put into the pg_wal of a data directory for its recovery.
type wal struct {
	data   string
	start  string // name of the first segment that is wanted; "": none is
	system uint64 // the cluster's identifier
	size   int64  // of a segment, bytes
}

// newWAL is for the data directory data, of which nothing before the segment start is needed.
func newWAL(data, start string) (*wal, error) {
	raw, err := os.ReadFile(filepath.Join(data, "global", "pg_control"))
	if err != nil {
		return nil, err
	}
	control, err := cluster.ParseControl(raw)
	if err != nil {
		return nil, err
	}
	return &wal{data: data, start: start, system: control.SystemIdentifier, size: int64(control.WALSegmentSize)}, nil
}

// add copies what recovery may need of the directory from: segments that are not before start, and every timeline's history.
// What is there already stays. Of an archive each segment must be whole and of this cluster: recovery would end
// before one that is not as if the log ended there. A server's own pg_wal also holds files for later use, which are left out.
func (w *wal) add(ctx context.Context, from string, archive bool) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) && (!archive || w.start == "") {
		return nil
	}
	if err != nil {
		return &fault.Error{Op: "read the archived write-ahead log in", Path: from, Err: err, Hint: "name the directory that the log was archived to"}
	}
	for _, e := range entries {
		name := e.Name()
		segment := w.wanted(name)
		if !e.Type().IsRegular() || !segment && !historyName().MatchString(name) {
			continue
		}
		path := filepath.Join(from, name)
		if segment {
			if err := w.check(path); err != nil && archive {
				return &fault.Error{Op: "use the archived write-ahead log", Path: path, Err: err, Hint: "get this file from another copy of the archive, or restore to a moment before it and move it away"}
			} else if err != nil {
				continue
			}
		}
		_, err := copyFile(path, filepath.Join(w.data, "pg_wal", name))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// wanted reports whether a file is a segment that recovery may need.
func (w *wal) wanted(name string) bool {
	return w.start != "" && isWAL(name) && len(name) == walNameLen && name[8:] >= w.start[8:]
}

// number is a segment's place in the log, whatever its timeline: XLogFromFileName in xlog_internal.h.
func (w *wal) number(name string) (uint64, error) {
	high, err := strconv.ParseUint(name[8:16], 16, 32)
	if err != nil {
		return 0, err
	}
	low, err := strconv.ParseUint(name[16:24], 16, 32)
	return high*uint64((1<<32)/w.size) + low, err
}

// check looks at a segment's size and at the header of its first page: XLogLongPageHeaderData in xlog_internal.h.
func (w *wal) check(path string) error {
	const offPageAddress, offSystem, length = 8, 24, 40
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Size() != w.size {
		return fmt.Errorf("it is damaged: it has %d bytes instead of %d", st.Size(), w.size)
	}
	var header [length]byte
	if _, err := io.ReadFull(f, header[:]); err != nil {
		return err
	}
	n, err := w.number(filepath.Base(path))
	if err != nil {
		return err
	}
	if system := binary.LittleEndian.Uint64(header[offSystem:]); system != w.system {
		return fmt.Errorf("it is of another cluster (%d instead of %d), or damaged", system, w.system)
	}
	if address := binary.LittleEndian.Uint64(header[offPageAddress:]); address != n*uint64(w.size) {
		return errors.New("it is damaged: it does not hold what its name says")
	}
	return nil
}

// gapless is an error if a segment is missing between the first that is needed and the last that is there: recovery would
// end before it, and later log would be left out in silence.
func (w *wal) gapless(archive string) error {
	entries, err := os.ReadDir(filepath.Join(w.data, "pg_wal"))
	if err != nil {
		return err
	}
	var numbers []uint64
	for _, e := range entries {
		if !w.wanted(e.Name()) {
			continue
		}
		n, err := w.number(e.Name())
		if err != nil {
			return err
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	next, err := w.number(w.start)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n > next {
			per := uint64((1 << 32) / w.size)
			return &fault.Error{
				Op: "use the archived write-ahead log in", Path: archive, Err: fmt.Errorf("segment %08X%08X is missing on every timeline, and later ones are there", next/per, next%per),
				Hint: "restore to a moment that is before it, or get the file from another copy of the archive",
			}
		}
		next = n + 1
	}
	return nil
}
