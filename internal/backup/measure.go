package backup

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// Measure is how much a database holds, or a dump.
type Measure struct {
	Tables   int   // ordinary ones; those of extensions do not count
	Rows     int64 // of them; -1: not known
	Bytes    int64 // on the disk
	Estimate bool  // Rows is what the planner believes
}

// exactLimit is the size of a database, in bytes, up to which its rows are counted: that is some seconds' work.
const exactLimit = 2 << 30

// measure reads it from the session's database. Where counting takes long, or a lock is in its way, it is estimated.
func measure(ctx context.Context, s *session) (Measure, error) {
	var m Measure
	rows, err := s.query(ctx, `SELECT pg_catalog.pg_database_size(pg_catalog.current_database()), coalesce(pg_catalog.sum(greatest(reltuples, 0)), 0)::bigint
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE `+isTable)
	if err != nil {
		return m, err
	}
	if m.Bytes, err = strconv.ParseInt(rows[0][0], 10, 64); err != nil {
		return m, err
	}
	if m.Rows, err = strconv.ParseInt(rows[0][1], 10, 64); err != nil {
		return m, err
	}
	tables, err := tableNames(ctx, s)
	if err != nil {
		return m, err
	}
	m.Tables, m.Estimate = len(tables), true
	if m.Bytes > exactLimit {
		return m, nil
	}
	n, err := countRows(ctx, s, tables)
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return m, nil // a table is locked, was dropped meanwhile, or is not ours to read
	}
	m.Rows, m.Estimate = n, false
	return m, err
}

func countRows(ctx context.Context, s *session, tables []Table) (n int64, err error) {
	if err := s.exec(ctx, "SET lock_timeout = '2s'", "SET statement_timeout = '10s'", "SET row_security = off"); err != nil {
		return 0, err
	}
	for _, t := range tables {
		rows, err := s.one(ctx, fmt.Sprintf("SELECT pg_catalog.count(*) FROM ONLY %s.%s", identifier(t.Schema), identifier(t.Name)))
		if err != nil {
			return 0, err
		}
		one, err := strconv.ParseInt(rows, 10, 64)
		if err != nil {
			return 0, err
		}
		n += one
	}
	return n, nil
}

// Holds measures a database.
func Holds(ctx context.Context, t Target, database string) (Measure, error) {
	s, err := t.connect(ctx, database)
	if err != nil {
		return Measure{}, err
	}
	defer s.close()
	return measure(ctx, s)
}

// Present is what a restore would replace.
type Present struct {
	Exists bool // there is such a database
	Used   bool // and there is something in it besides what PostgreSQL and extensions made: tables, types, functions, large objects
	Measure
}

// Look looks at what a restore into a database would replace. A server that is too old for a restore is an error.
func Look(ctx context.Context, t Target, database string) (Present, error) {
	var p Present
	s, err := t.connect(ctx, maintenance(database))
	if err != nil {
		return p, err
	}
	defer s.close()
	if err := s.takesDumps(t); err != nil {
		return p, err
	}
	if p.Exists, err = exists(ctx, s, database); err != nil || !p.Exists {
		return p, err
	}
	in, err := t.connect(ctx, database)
	if err != nil {
		return p, err
	}
	defer in.close()
	if p.Used, err = used(ctx, in); err != nil {
		return p, err
	}
	p.Measure, err = measure(ctx, in)
	return p, err
}

// used reports whether somebody made something in the session's database. FirstNormalObjectId is in src/include/access/transam.h.
func used(ctx context.Context, s *session) (bool, error) {
	found, err := s.one(ctx, `SELECT EXISTS (SELECT FROM (
		SELECT 'pg_class'::regclass AS classid, oid FROM pg_catalog.pg_class WHERE relkind <> 'i'
		UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_catalog.pg_type
		UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_catalog.pg_proc) o
		WHERE oid >= 16384 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.classid AND d.objid = o.oid AND d.deptype IN ('e', 'i'))
	) OR EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)`)
	return found == "t", err
}

// tableEntry is a line of pg_restore --list for a table: PrintTOCSummary in src/bin/pg_dump/pg_backup_archiver.c.
var tableEntry = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d+; \d+ \d+ (FOREIGN )?TABLE [^ ]`) })

// tableMore are the lines for parts of a table.
var tableMore = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d+; \d+ \d+ TABLE (DATA|ATTACH) `) })

// Measure tells what the backup holds, without restoring it: by its description, or by what a dump itself says.
// The compiled pg_restore comes from cacheDir.
func (b *Backup) Measure(ctx context.Context, cacheDir string) (Measure, error) {
	m := Measure{Rows: -1, Bytes: b.Size}
	if m.Bytes == 0 {
		m.Bytes = sizeOf(b.Path)
	}
	switch {
	case b.Tables != nil:
		m.Rows = 0
		for _, t := range b.Tables {
			if t.Schema != "" {
				m.Tables++
				m.Rows += t.Rows
			}
		}
	case b.Format == Plain:
		s, err := readScript(ctx, b.Path)
		if err != nil {
			return m, err
		}
		m.Tables = s.tables
		if s.rows > 0 {
			m.Rows = s.rows
		}
	case !b.Format.Physical():
		line := func(text string) {
			if tableEntry().MatchString(text) && !tableMore().MatchString(text) {
				m.Tables++
			}
		}
		if err := (Target{CacheDir: cacheDir}).run(ctx, "", line, "pg_restore", "--list", b.Path); err != nil {
			return m, err
		}
	}
	return m, nil
}
