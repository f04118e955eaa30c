package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"

	"nself.org/embeddedpg/internal/fault"
)

// script is what a plain dump holds, as far as its lines tell.
type script struct {
	statements bool   // there is something but comments and psql's own commands
	closed     bool   // it ends as pg_dump, pg_restore or pg_dumpall ends one
	connects   string // the first line that leaves the database; "" if none does
	tables     int    // that it creates
	rows       int64  // of its COPY statements
}

// The comments that frame a plain dump: RestoreArchive in src/bin/pg_dump/pg_backup_archiver.c, and main in
// pg_dumpall.c. They are there whatever the options are. A dump of a cluster contains dumps of databases.
const (
	databaseClosed = "-- PostgreSQL database dump complete"
	clusterOpened  = "-- PostgreSQL database cluster dump"
	clusterClosed  = "-- PostgreSQL database cluster dump complete"
)

var (
	copyStart   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^COPY .* FROM stdin;$`) })
	createTable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^CREATE (UNLOGGED |FOREIGN )?TABLE `) })
	connectLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\\c(onnect)?(\s|$)`) })
)

// readScript reads a plain dump. Of a long line it looks at the beginning.
func readScript(ctx context.Context, path string) (s script, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(&cancelable{ctx, f}, 1<<20)
	copying, cluster := false, false
	for {
		line, more, err := r.ReadLine()
		if err == io.EOF {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		text := string(line[:min(len(line), 4096)])
		for more && err == nil {
			_, more, err = r.ReadLine()
		}
		if copying {
			if copying = strings.TrimRight(text, "\r") != `\.`; copying {
				s.rows++
			}
			continue
		}
		text = strings.TrimSpace(text)
		switch {
		case text == clusterOpened:
			cluster = true
		case text == clusterClosed, text == databaseClosed && !cluster:
			s.closed = true
		case text == "", strings.HasPrefix(text, "--"):
		case strings.HasPrefix(text, `\restrict `), strings.HasPrefix(text, `\unrestrict `): // the second comes after the closing comment
		default:
			s.closed = false
			s.statement(text)
			copying = copyStart().MatchString(text)
		}
	}
}

// statement takes note of a line that is neither empty nor a comment.
func (s *script) statement(line string) {
	switch {
	case connectLine().MatchString(line):
		if s.connects == "" {
			s.connects = line
		}
	case strings.HasPrefix(line, `\`):
	default:
		s.statements = true
		if createTable().MatchString(line) {
			s.tables++
		}
	}
}

// check refuses a script that may not be all of a dump, unless that is meant, and one that leaves the database.
func (s script) check(path string, incomplete bool) error {
	bad := func(why, hint string) error {
		return &fault.Error{Op: "restore", Path: path, Err: errors.New(why), Hint: hint}
	}
	switch {
	case s.connects != "":
		return bad(fmt.Sprintf("it connects to another database (%s), as a dump of a cluster or with --create does", s.connects), "make the dump by pg_dump without --create, or run the script with psql; nothing was changed")
	case incomplete:
		return nil
	case !s.statements:
		return &fault.Error{Op: "restore", Path: path, Err: fmt.Errorf("%w: there is no statement in it", ErrIncomplete), Hint: "make the dump again; nothing was changed"}
	case !s.closed:
		return &fault.Error{Op: "restore", Path: path, Err: fmt.Errorf("%w: it does not end with the line %q", ErrIncomplete, databaseClosed), Hint: "make the dump again, or say that it is meant if the script was never pg_dump's; nothing was changed"}
	}
	return nil
}

// ErrIncomplete says that a dump or backup of someone else may be a part of one.
var ErrIncomplete = errors.New("it is not all of a dump")
