package move

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// Sections of a dump, as pg_restore names them.
const (
	preData  = "pre-data"  // tables, types, functions
	postData = "post-data" // indexes, constraints, triggers, materialized views' rows
)

// section returns a part of the schema as one text of SQL. The source refuses changes of it by now.
func (m *mover) section(ctx context.Context, name string) (string, error) {
	dir, err := hostdir.MakeTemp("", "nself-move-") // mode 0700
	if err != nil {
		return "", err
	}
	defer dir.Remove()
	dump, list, script := filepath.Join(dir.Path(), "dump"), filepath.Join(dir.Path(), "list"), filepath.Join(dir.Path(), "script")
	var owners []string
	if m.o.NoOwner {
		owners = []string{"--no-owner", "--no-privileges"}
	}
	run := func(program string, args ...string) error {
		return m.o.Source.Run(ctx, m.o.Source.Database, program, args...)
	}
	args := []string{"--format=custom", "--section=" + name, "--no-password", "--no-tablespaces", "--no-subscriptions", "--file=" + dump}
	if err := run("pg_dump", append(args, owners...)...); err != nil {
		return "", err
	}
	if err := run("pg_restore", "--list", "--file="+list, dump); err != nil {
		return "", err
	}
	entries, err := os.ReadFile(list)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(list, []byte(withoutOurs(string(entries))), 0o600); err != nil {
		return "", err
	}
	args = []string{"--use-list=" + list, "--section=" + name, "--no-tablespaces", "--file=" + script}
	if err := run("pg_restore", append(append(args, owners...), dump)...); err != nil {
		return "", err
	}
	text, err := os.ReadFile(script)
	return body(string(text)), err
}

// withoutOurs drops what the move itself has made from a list of pg_restore's. A line has the entry's numbers, its kind, schema,
// name and owner: PrintTOCSummary in src/bin/pg_dump/pg_backup_archiver.c.
func withoutOurs(list string) string {
	var kept strings.Builder
	for line := range strings.Lines(list) {
		if !strings.HasPrefix(line, ";") && strings.Contains(line, " "+schema) {
			continue
		}
		kept.WriteString(line)
	}
	return kept.String()
}

// body is a script without what pg_restore puts around the objects: settings that a session of ours has, of which older servers
// do not know all, and commands for psql. _doSetFixedOutputState in src/bin/pg_dump/pg_backup_archiver.c.
func body(script string) string {
	const first, last = "\n--\n-- Name: ", "\n--\n-- PostgreSQL database dump complete"
	at := strings.Index(script, first)
	if at < 0 {
		return ""
	}
	script = script[at:]
	if end := strings.LastIndex(script, last); end >= 0 {
		script = script[:end]
	}
	return "SET check_function_bodies = false; SET xmloption = content; SET client_min_messages = warning;\n" + script + "\n"
}

// apply runs a text of SQL in the target: all of it, or nothing.
func apply(ctx context.Context, target *session, what, sql string) error {
	err := target.script(ctx, sql)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return err
	}
	return &fault.Error{
		Op: "make the " + what + " in the target", Err: fmt.Errorf("%w%s", refused, statementAt(sql, int(refused.Position))),
		Hint: "the target cannot take this object as it is; change it, or the target, and start the move again",
	}
}

// statementAt is the beginning of the line that an error is about; position counts characters from 1, and 0 is none.
func statementAt(sql string, position int) string {
	for i := range sql {
		if position--; position == 0 {
			begin := strings.LastIndexByte(sql[:i], '\n') + 1
			line, _, _ := strings.Cut(sql[begin:], "\n")
			for len(line) > 200 || !utf8.ValidString(line) {
				line = line[:len(line)-1]
			}
			return ", in: " + line
		}
	}
	return ""
}

// makeSchema makes roles and tables in the target, which is empty, and with them the state of the move.
func (m *mover) makeSchema(ctx context.Context) (err error) {
	m.tell(Progress{Stage: StageSchema})
	if err := guard(ctx, m.source, m.slot); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), slotWait)
			defer cancel()
			_ = Abort(ctx, m.o.Source) // the error says more than this one would
		}
	}()
	if err := m.awaitOlder(ctx); err != nil {
		return err
	}
	if !m.o.NoOwner {
		roles, err := backup.Roles(ctx, m.source.PgConn)
		if err != nil {
			return err
		}
		if _, err := backup.ProvideRoles(ctx, m.target.PgConn, roles); err != nil {
			return fmt.Errorf("make the roles in the target: %w", err)
		}
	}
	sql, err := m.section(ctx, preData)
	if err != nil {
		return err
	}
	identity, err := alterIdentity(ctx, m.source, "BY DEFAULT")
	if err != nil {
		return err
	}
	sql += createState + fmt.Sprintf("INSERT INTO %s.state (source, phase, lsn) VALUES (%s, %s, '0/0');\n", schema, literal(m.name), literal(string(copying)))
	return apply(ctx, m.target, "tables", sql+identity)
}

// awaitOlder waits for the transactions that began before changes of the schema were refused, which may still make some.
func (m *mover) awaitOlder(ctx context.Context) error {
	now, err := m.source.one(ctx, "SELECT pg_catalog.pg_current_xact_id()")
	if err != nil {
		return err
	}
	return poll(ctx, func() (bool, error) {
		oldest, err := m.source.one(ctx, "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) > $1::xid8", now)
		return oldest == "t", err
	})
}

// makeRest makes the indexes, constraints and triggers.
func (m *mover) makeRest(ctx context.Context) error {
	m.tell(Progress{Stage: StageIndex})
	sql, err := m.section(ctx, postData)
	if err != nil {
		return err
	}
	return apply(ctx, m.target, "indexes and constraints", sql+"RESET ALL; ANALYZE;\n"+enter(following))
}
