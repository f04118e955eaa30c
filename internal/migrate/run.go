package migrate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"nself.org/embeddedpg/internal/fault"
)

// Step is a file and whether it was applied.
type Step struct {
	Version string     `json:"version"`
	Name    string     `json:"name"`
	Path    string     `json:"path,omitempty"` // none if the file is gone
	State   State      `json:"state"`
	Applied *time.Time `json:"applied,omitempty"`
	file    File
}

// State is what became of a file.
type State string

// The states.
const (
	Applied State = "applied"
	Pending State = "pending"
	Changed State = "changed" // applied, and the file is another now
	Missing State = "missing" // applied, and the file is gone
)

// Options are the limits of a run. The zero value has none.
type Options struct {
	Steps            int           // at most this many files; 0: all, for Down one
	LockTimeout      time.Duration // for each lock in a transaction of ours
	StatementTimeout time.Duration // for each statement in one
	Done             func(Report)  // after each file; nil: none
}

// Report is one file that was applied or undone.
type Report struct {
	Version string        `json:"version"`
	Name    string        `json:"name"`
	Path    string        `json:"path"`
	Outside string        `json:"outside,omitempty"` // why it ran without a transaction round it
	Elapsed time.Duration `json:"elapsed"`           // nanoseconds
}

// Steps compares the files of a directory with the ledger.
func (k Kind) Steps(ctx context.Context, c *pgx.Conn, dir string) ([]Step, error) {
	files, err := k.Files(dir)
	if err != nil {
		return nil, err
	}
	entries, err := k.entries(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	var steps []Step
	for _, f := range files {
		s := Step{Version: f.Version, Name: f.Name, Path: f.Path, State: Pending, file: f}
		if i := slices.IndexFunc(entries, func(e entry) bool { return e.Version == f.Version }); i >= 0 {
			s.State, s.Applied = Applied, &entries[i].Applied
			if entries[i].SHA256 != f.SHA256 {
				s.State = Changed
			}
		}
		steps = append(steps, s)
	}
	for i, e := range entries {
		if !slices.ContainsFunc(files, func(f File) bool { return e.Version == f.Version }) {
			steps = append(steps, Step{Version: e.Version, Name: e.Name, State: Missing, Applied: &entries[i].Applied})
		}
	}
	return steps, nil
}

// Up applies what is pending, in order, and stops at the first file that fails. If an applied file was
// changed it does nothing.
func (k Kind) Up(ctx context.Context, c *pgx.Conn, dir string, o Options) error {
	unlock, err := k.lock(ctx, c)
	if err != nil {
		return err
	}
	defer unlock()
	steps, err := k.Steps(ctx, c, dir)
	if err != nil {
		return err
	}
	var pending []File
	for _, s := range steps {
		switch s.State {
		case Changed:
			return &fault.Error{
				Op: "apply " + k.Name + "s", Path: s.Path, Err: errors.New("it was changed after it had been applied"),
				Hint: "bring the file back as it was, and write the change as a new " + k.Name,
			}
		case Pending:
			pending = append(pending, s.file)
		}
	}
	if o.Steps > 0 && o.Steps < len(pending) {
		pending = pending[:o.Steps]
	}
	for _, f := range pending {
		if err := k.Apply(ctx, c, f, o); err != nil {
			return err
		}
	}
	return nil
}

// Apply runs one file and enters it into the ledger, whether or not it is in there.
func (k Kind) Apply(ctx context.Context, c *pgx.Conn, f File, o Options) error {
	if _, err := c.Exec(ctx, k.ledgerSQL()); err != nil {
		return fmt.Errorf("make the ledger: %w", err)
	}
	return run(ctx, c, f, o, func() error { return k.enter(ctx, c, f) })
}

// Down undoes the files applied last, o.Steps of them or one, newest first.
func (k Kind) Down(ctx context.Context, c *pgx.Conn, dir string, o Options) error {
	unlock, err := k.lock(ctx, c)
	if err != nil {
		return err
	}
	defer unlock()
	steps, err := k.Steps(ctx, c, dir)
	if err != nil {
		return err
	}
	steps = slices.DeleteFunc(steps, func(s Step) bool { return s.State == Pending })
	slices.SortStableFunc(steps, func(a, b Step) int { return k.compare(File{Version: b.Version}, File{Version: a.Version}) })
	steps = steps[:min(max(o.Steps, 1), len(steps))]
	for _, s := range steps {
		if s.file.Down == "" {
			return &fault.Error{
				Op: "undo " + k.Name, Path: s.Version + " " + s.Name, Err: errors.New("there is no file that undoes it"),
				Hint: "write it: down.sql in the directory of up.sql, or <number>_<name>.down.sql beside the other",
			}
		}
		b, err := os.ReadFile(s.file.Down)
		if err != nil {
			return err
		}
		f := File{Version: s.Version, Name: s.Name, Path: s.file.Down, sql: string(b)}
		if err := run(ctx, c, f, o, func() error { return k.strike(ctx, c, s.Version) }); err != nil {
			return err
		}
	}
	return nil
}

// run runs a file and then note, both in one transaction if the file allows it.
func run(ctx context.Context, c *pgx.Conn, f File, o Options, note func() error) error {
	begin := time.Now()
	statements := split(f.sql)
	why := outside(statements)
	var err error
	if why == "" {
		err = runInside(ctx, c, f, o, note)
	} else {
		err = runOutside(ctx, c, f, statements, note)
	}
	// The next file begins as if it were the first: the lock stays, settings of this one do not.
	if _, e := c.Exec(context.WithoutCancel(ctx), "SET SESSION AUTHORIZATION DEFAULT; RESET ALL"); err == nil {
		err = e
	}
	if err == nil && o.Done != nil {
		o.Done(Report{f.Version, f.Name, f.Path, why, time.Since(begin)})
	}
	return err
}

func runInside(ctx context.Context, c *pgx.Conn, f File, o Options, note func() error) error {
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // nothing after a commit
	limits := fmt.Sprintf("SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d", o.LockTimeout.Milliseconds(), o.StatementTimeout.Milliseconds())
	if _, err := tx.Exec(ctx, limits); err != nil {
		return err
	}
	if _, err := c.PgConn().Exec(ctx, f.sql).ReadAll(); err != nil {
		return f.wrong(err, 0)
	}
	if err := note(); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func runOutside(ctx context.Context, c *pgx.Conn, f File, statements []statement, note func() error) error {
	for _, s := range statements {
		if _, err := c.PgConn().Exec(ctx, s.text).ReadAll(); err != nil {
			if c.PgConn().TxStatus() != 'I' {
				_, _ = c.Exec(context.WithoutCancel(ctx), "ROLLBACK")
			}
			return fmt.Errorf("%w; what comes before it in the file stays", f.wrong(err, s.begin))
		}
	}
	if c.PgConn().TxStatus() != 'I' {
		_, _ = c.Exec(context.WithoutCancel(ctx), "ROLLBACK")
		return &fault.Error{Op: "apply", Path: f.Path, Err: errors.New("it begins a transaction that it does not end"), Hint: "leave BEGIN and COMMIT out: each file is a transaction"}
	}
	return note()
}

// wrong says on which line of the file a statement failed. from is where the text that was sent begins in it.
func (f File) wrong(err error, from int) error {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return fmt.Errorf("apply %s: %w", f.Path, err)
	}
	line := 1 + strings.Count(f.sql[:from], "\n")
	if pe.Position > 0 { // in characters, from 1
		for i, r := range []rune(f.sql[from:]) {
			if i+1 >= int(pe.Position) {
				break
			}
			if r == '\n' {
				line++
			}
		}
	}
	return fmt.Errorf("apply %s:%d: %w", f.Path, line, err)
}
