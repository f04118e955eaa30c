package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	config "nself.org/embeddedpg/cmd/nself/internal/project"
	"nself.org/embeddedpg/internal/move"
)

// moving is one run of nself db move.
type moving struct {
	*project
	to                   string
	cutover              string
	jobs                 int
	noOwner, yes         bool
	check, resume, abort bool
	json                 *bool
}

// targetVariable is where the target's URL is written.
const targetVariable = "DATABASE_URL"

func newDBMove(p *project) *cobra.Command {
	m := &moving{project: p}
	c := &cobra.Command{
		Use:   "move --to URL",
		Short: "Move the database to another PostgreSQL server while clients write",
		Long: `Move the project's database to an empty database of another server of PostgreSQL 14 or later, while
its clients go on: the schema, a copy of all rows, then the changes since, until the clients are sent
there. This program connects to both; the other server need not reach this machine. --check looks
for what is in the way and changes nothing.

With --cutover now, or a time, the clients are sent when the target is less than a second behind:
their sessions here end, new ones are read-only, the target gets the last changes and the
sequences, DATABASE_URL in .env becomes the target's URL, and then the rows of both are compared.
Without it the target follows until this program is interrupted.

A move that was interrupted or broke off goes on by --resume, or is given up by --abort. Changes of
the schema are refused meanwhile. What is not moved, and how to go on: docs/moving.md. The password
is better given by PGPASSWORD or ~/.pgpass: a command line can be seen by others.`,
		Example: `  nself db move --to postgresql://postgres@db.example.org/app --check
  nself db move --to postgresql://postgres@db.example.org/app --cutover now
  nself db move --to postgresql://postgres@db.example.org/app --cutover '2026-01-02 04:00'
  nself db move --to postgresql://postgres@db.example.org/app --resume --cutover now
  nself db move --abort`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return m.run(cmd) },
	}
	m.json = jsonFlag(c)
	c.Flags().StringVar(&m.to, "to", "", "the URL of the database to move to")
	c.Flags().StringVar(&m.cutover, "cutover", "", "when to send the clients: now, or a time (2026-01-02T15:04:05Z, or local time without a zone)")
	c.Flags().IntVar(&m.jobs, "jobs", 4, "how many tables are copied at a time")
	c.Flags().BoolVar(&m.noOwner, "no-owner", false, "make no roles; everything belongs to the user of the URL")
	c.Flags().BoolVar(&m.check, "check", false, "look for what is in the way, and change nothing")
	c.Flags().BoolVar(&m.resume, "resume", false, "go on with a move that broke off")
	c.Flags().BoolVar(&m.abort, "abort", false, "give up a move that broke off: clients can write and change the schema here again")
	c.Flags().BoolVarP(&m.yes, "yes", "y", false, "do not ask before the database is restarted, where it must be")
	c.MarkFlagsMutuallyExclusive("check", "resume", "abort")
	complete(c, "cutover", cobra.FixedCompletions([]string{"now"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (m *moving) run(cmd *cobra.Command) error {
	db, err := m.reach(cmd.Context())
	if err != nil {
		return err
	}
	source := move.End{Target: db.target(), Database: db.name}
	if m.abort {
		if err := move.Abort(cmd.Context(), source); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "The move is given up: clients can write and change the schema. What the target has stays there.\n")
		return nil
	}
	if m.to == "" {
		return &embeddedpg.Error{Op: verb(cmd), Err: errors.New("the target is missing"), Hint: "give --to postgresql://user@host/database"}
	}
	target, err := move.ParseEnd(m.to)
	if err != nil {
		return err
	}
	o := move.Options{Source: source, Target: target, Jobs: m.jobs, NoOwner: m.noOwner, Resume: m.resume}
	if m.check {
		return m.runCheck(cmd, o)
	}
	if o.Ready, err = m.ready(); err != nil {
		return err
	}
	if err := m.provideLog(cmd, o); err != nil {
		return err
	}
	return m.move(cmd, o)
}

func (m *moving) runCheck(cmd *cobra.Command, o move.Options) error {
	found, err := move.Check(cmd.Context(), o)
	if err != nil {
		return err
	}
	all := []finding{}
	for _, f := range found {
		all = append(all, finding{Check: f.Check, Status: string(f.Status), Detail: f.Detail, Hint: f.Hint})
	}
	if *m.json {
		err = printJSON(cmd.OutOrStdout(), all)
	} else {
		printFindings(cmd.OutOrStdout(), all)
	}
	return errors.Join(err, verdict(all))
}

// ready reads --cutover.
func (m *moving) ready() (func(context.Context) error, error) {
	never := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	switch m.cutover {
	case "":
		return never, nil
	case "now":
		return nil, nil
	}
	at, end, err := moment(m.cutover)
	if err != nil || end {
		return nil, &embeddedpg.Error{Op: "use --cutover", Path: m.cutover, Err: errors.New("it is neither now nor a time"), Hint: "write now, 2026-01-02T15:04:05Z, or '2026-01-02 15:04' for local time"}
	}
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(at)):
			return nil
		}
	}, nil
}

// provideLog has the server write the log that a move reads, which takes a restart.
func (m *moving) provideLog(cmd *cobra.Command, o move.Options) error {
	found, err := move.Check(cmd.Context(), o)
	if err != nil {
		return err
	}
	short := false
	for _, f := range found {
		if f.Check == move.CheckWALLevel {
			short = f.Status == move.Failure
		} else if f.Status == move.Failure && !m.resume {
			return nil // the move says so, and a restart would be for nothing
		}
	}
	if !short || !m.Embedded {
		return nil
	}
	if err := confirm(cmd, m.yes, "the database has to be restarted with wal_level = logical, which disconnects its clients"); err != nil {
		return err
	}
	db, err := m.reach(cmd.Context())
	if err != nil {
		return err
	}
	conn, err := db.connect(cmd.Context())
	if err != nil {
		return err
	}
	_, err = conn.Exec(cmd.Context(), "ALTER SYSTEM SET wal_level = logical")
	if err = errors.Join(err, conn.Close(cmd.Context())); err != nil {
		return err
	}
	return m.restartOne(cmd, "postgres", startOptions{timeout: defaultTimeout, quiet: true})
}

// move moves, and tells what came of it.
func (m *moving) move(cmd *cobra.Command, o move.Options) error {
	written := false
	if err := config.Set(m.Dir, nil); err == nil { // else there is no .env, or none that nself can write: better known now
		o.Switch = func(context.Context) error {
			written = true
			return config.Set(m.Dir, map[string]string{targetVariable: m.to})
		}
	}
	show := newMoveProgress(cmd.ErrOrStderr())
	o.Progress = show.show
	done, err := move.Run(cmd.Context(), o)
	show.end()
	if err != nil {
		return err
	}
	if *m.json {
		return errors.Join(printJSON(cmd.OutOrStdout(), newMovedJSON(done)), different(done))
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "The database %s is at %s now. Nobody could write for %v.\n", o.Source.Database, withoutPassword(m.to), done.Pause.Round(time.Millisecond))
	if done.Compared && done.Differences == nil {
		fmt.Fprintf(out, "  %s with %s: the same on both, as they were then\n", plural(done.Tables, "table"), plural(int(done.Rows), "row"))
	}
	if written {
		fmt.Fprintf(out, "  Wrote %s to .env\n", targetVariable)
	} else {
		fmt.Fprintf(out, "  Give programs the new URL: there is no .env that nself can write it to\n")
	}
	fmt.Fprintf(out, "  The old database is read-only; to write to it again: nself psql -c 'SET default_transaction_read_only = off' -c 'ALTER DATABASE %s RESET default_transaction_read_only'\n",
		pgx.Identifier{o.Source.Database}.Sanitize())
	return different(done)
}

// different is the error of a move after which the databases are not the same.
func different(done move.Result) error {
	if done.Differences == nil {
		return nil
	}
	return &embeddedpg.Error{
		Op: "compare the databases", Err: fmt.Errorf("they were not the same when nobody wrote: %v", done.Differences),
		Hint: "do not use the target; the old database has everything up to the move",
	}
}

// withoutPassword is a URL that may be shown.
func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the target"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	if q.Has("password") {
		q.Del("password")
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// movedJSON is what --json prints: docs/json.md.
type movedJSON struct {
	Pause       time.Duration `json:"pause"`
	Tables      int           `json:"tables"`
	Rows        int64         `json:"rows"`
	Copied      int64         `json:"copied"`
	Compared    bool          `json:"compared"`
	Differences []string      `json:"differences,omitempty"`
}

func newMovedJSON(r move.Result) movedJSON {
	return movedJSON{r.Pause, r.Tables, r.Rows, r.Bytes, r.Compared, r.Differences}
}
