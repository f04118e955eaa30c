package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/migrate"
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
	entries, err := k.entries(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	applied := map[string]bool{}
	for _, e := range entries {
		applied[e.Version] = true
	}
	files, err := k.Files(dir, applied)
	if err != nil {
		return nil, err
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
	return run(ctx, c, f, f.Script.Tool, f.Script.Up, o, func(ctx context.Context) error { return k.enter(ctx, c, f) })
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
	slices.SortStableFunc(steps, func(a, b Step) int { return k.compare(b.Version, a.Version) })
	steps = steps[:min(max(o.Steps, 1), len(steps))]
	for _, s := range steps {
		f, tool, parts, err := s.undo()
		if err != nil {
			return err
		}
		if err := run(ctx, c, f, tool, parts, o, func(ctx context.Context) error { return k.strike(ctx, c, s.Version) }); err != nil {
			return err
		}
	}
	return nil
}

// undo returns what undoes a step: the other half of its file, or a file of its own.
func (s Step) undo() (File, migrate.Tool, []migrate.Part, error) {
	f := File{Version: s.Version, Name: s.Name, Path: s.file.Path}
	if s.file.Script.HasDown {
		return f, s.file.Script.Tool, s.file.Script.Down, nil
	}
	if s.file.Down == "" {
		return f, migrate.Plain, nil, &fault.Error{
			Op: "undo migration", Path: s.Version + " " + s.Name, Err: errors.New("there is no file that undoes it"),
			Hint: "write it: down.sql in the directory of up.sql, or <number>_<name>.down.sql beside the other",
		}
	}
	text, err := os.ReadFile(s.file.Down)
	if err != nil {
		return f, migrate.Plain, nil, err
	}
	f.Path = s.file.Down
	script, err := migrate.Parse(f.Path, string(text))
	return f, script.Tool, script.Up, hint(err)
}

// run runs a file and then note, which is in its last transaction if the file allows one.
func run(ctx context.Context, c *pgx.Conn, f File, tool migrate.Tool, parts []migrate.Part, o Options, note func(context.Context) error) error {
	begin := time.Now()
	why := ""
	for _, p := range parts {
		why = cmp.Or(why, p.Outside)
	}
	limits := fmt.Sprintf("SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d", o.LockTimeout.Milliseconds(), o.StatementTimeout.Milliseconds())
	err := migrate.Run{Path: f.Path, Begin: limits, Note: note}.Do(ctx, session{c.PgConn()}, tool, parts)
	if err != nil {
		err = fmt.Errorf("apply %w", err)
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
