package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// logOptions are the flags of logs.
type logOptions struct {
	follow bool
	lines  int
	since  string
	level  string
	json   bool
}

func newLogs(p *project) *cobra.Command {
	var o logOptions
	c := &cobra.Command{
		Use:   "logs [SERVICE]",
		Short: "Print the log of the database or of another service",
		Long: `Print the end of a service's log: without a name the embedded database's, or those of all
containers. The embedded database's is rotated at 10 MB, and three old files are kept beside it, in
the runtime directory; --since looks into those too.

--level and --json are for the embedded database's log. With --json each record is a line of its
own; docs/json.md has its fields.`,
		Example: `  nself logs -f
  nself logs --since 10m --level error
  nself logs --since '2026-01-02 15:04' -n -1 --json
  nself logs hasura --tail 1000`,
		Args: cobra.MaximumNArgs(1),

		ValidArgsFunction: p.completeServices,
		RunE:              func(cmd *cobra.Command, args []string) error { return p.logs(cmd, args, o) },
	}
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "print what is added to the log, until interrupted")
	c.Flags().IntVarP(&o.lines, "tail", "n", 100, "begin with this many lines from the end; -1: all")
	c.Flags().StringVar(&o.since, "since", "", "only what is newer: 10m, 2h, 3d, or a moment such as 2026-01-02T15:04:05Z")
	levels := []string{"debug", "log", "warning", "error", "fatal", "panic"}
	choiceFlag(c, &o.level, "level", "", "only this level and graver ones: "+either(levels), levels...)
	c.Flags().BoolVarP(&o.json, "json", "j", false, "print JSON, a record a line")
	return c
}

func (p *project) logs(cmd *cobra.Command, args []string, o logOptions) error {
	for _, name := range args {
		if err := p.checkService(name); err != nil {
			return err
		}
	}
	since, err := logsSince(o.since, time.Now())
	if err != nil {
		return err
	}
	if len(args) == 1 && args[0] != "postgres" && !p.built() {
		return &embeddedpg.Error{Op: "read the log of", Path: args[0], Err: errors.New("it was never started here"), Hint: "nself start --embedded-pg starts it, in Docker; nself logs is the database's"}
	}
	if p.built() && (len(args) == 0 && !p.Embedded || len(args) == 1 && !(p.Embedded && args[0] == "postgres")) {
		if o.level != "" || o.json {
			return &embeddedpg.Error{Op: "read the logs of containers", Err: errors.New("--level and --json are for the embedded database's log"), Hint: "leave them out, and search the text"}
		}
		return p.containerLogs(cmd, args, o, since)
	}
	return p.databaseLog(cmd, o, since)
}

// logsSince reads --since: a length of time before now, or a moment.
func logsSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := age("--since", s); err == nil {
		return now.Add(-d), nil
	}
	if t, end, err := moment(s); err == nil && !end {
		return t, nil
	}
	return time.Time{}, &embeddedpg.Error{Op: "use --since", Path: s, Err: errors.New("it is neither a length of time nor a moment"), Hint: "write 10m, 2h or 3d, or 2026-01-02T15:04:05Z"}
}

func (p *project) containerLogs(cmd *cobra.Command, services []string, o logOptions, since time.Time) error {
	b, err := p.docker(cmd.Context())
	if err != nil {
		return err
	}
	args := []string{"logs", "--no-color", "--tail", strconv.Itoa(o.lines)}
	if o.lines < 0 {
		args[len(args)-1] = "all"
	}
	if !since.IsZero() {
		args = append(args, "--since", since.UTC().Format(time.RFC3339Nano))
	}
	if o.follow {
		args = append(args, "--follow")
	}
	err = b.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), append(args, services...)...)
	if o.follow && errors.Is(err, context.Canceled) {
		return nil // interrupted, as it is meant to end
	}
	return err
}

func (p *project) databaseLog(cmd *cobra.Command, o logOptions, since time.Time) error {
	paths, err := p.paths()
	if err != nil {
		return err
	}
	files := []string{paths.Log()}
	if !since.IsZero() {
		if files, err = logFiles(paths); err != nil {
			return err
		}
	}
	print := &recordPrinter{w: cmd.OutOrStdout(), json: o.json}
	filter := &recordFilter{to: print, since: since, level: strings.ToUpper(o.level)}
	if filter.all() {
		err = tail(cmd.Context(), print, files, o.lines, o.follow)
	} else {
		filter.last = o.lines
		err = tail(cmd.Context(), filter, files, -1, o.follow)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &embeddedpg.Error{Op: "read the log", Path: paths.Log(), Err: errors.New("the file does not exist: the database has never run"), Hint: "start it: nself start --embedded-pg --only postgres"}
	}
	return err
}

// logFiles are the log's files, the oldest first.
func logFiles(paths supervisor.Paths) ([]string, error) {
	end := filepath.Ext(paths.Log())
	files, err := filepath.Glob(strings.TrimSuffix(paths.Log(), end) + "-*" + end) // as lumberjack names them, by the time of the rotation
	slices.Sort(files)
	return append(files, paths.Log()), err
}

// recordPrinter writes the lines of a log for people, or as JSON.
type recordPrinter struct {
	w    io.Writer
	json bool
}

func (p *recordPrinter) line(text string) error {
	r, ok := supervisor.ParseLog(text)
	if !ok {
		r.Message = strings.TrimRight(text, "\n")
	}
	if p.json {
		return printJSONLine(p.w, r)
	}
	if !ok {
		_, err := fmt.Fprintln(p.w, r.Message)
		return err
	}
	_, err := fmt.Fprint(p.w, plainRecord(p.w, r))
	return err
}

func (p *recordPrinter) end() error { return nil }

// plainRecord is a record as a line, with what belongs to it indented below.
func plainRecord(w io.Writer, r supervisor.LogRecord) string {
	colour := map[string]string{"DEBUG": faint, "WARNING": yellow, "ERROR": red, "FATAL": red, "PANIC": red}[r.Level]
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", r.Time.Local().Format("2006-01-02 15:04:05.000"), paint(w, colour, fmt.Sprintf("%-7s", r.Level)), indented(r.Message))
	for _, name := range slices.Sorted(maps.Keys(r.Other)) {
		fmt.Fprintf(&b, " %s=%s", name, indented(r.Other[name]))
	}
	var where []string
	if r.SQLState != "" {
		where = append(where, r.SQLState)
	}
	if r.User != "" || r.Database != "" {
		where = append(where, r.User+"@"+r.Database)
	}
	if r.Application != "" {
		where = append(where, r.Application)
	}
	if r.PID != "" {
		where = append(where, "pid "+r.PID)
	}
	if len(where) > 0 {
		b.WriteString(" " + paint(w, faint, "["+strings.Join(where, ", ")+"]"))
	}
	b.WriteString("\n")
	for _, more := range []struct{ name, text string }{
		{"detail", r.Detail}, {"hint", r.Hint}, {"query", r.Query}, {"context", r.Context}, {"statement", r.Statement},
	} {
		if more.text != "" {
			fmt.Fprintf(&b, "    %s: %s\n", more.name, indented(more.text))
		}
	}
	return b.String()
}

// indented keeps the lines of a text below its first one.
func indented(text string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n        ")
}

// recordFilter passes on the lines that are wanted: the last ones that a file has already, and then each as it comes.
type recordFilter struct {
	to    *recordPrinter
	since time.Time // zero: any
	level string    // "": any
	last  int       // how many at most of those that are there at the beginning; below 0: all
	kept  []string
	live  bool // what comes now is new
}

func (f *recordFilter) all() bool { return f.since.IsZero() && f.level == "" }

func (f *recordFilter) line(text string) error {
	r, ok := supervisor.ParseLog(text)
	if ok && r.Time.Before(f.since) || !ok && !f.since.IsZero() && !f.live || f.level != "" && !r.AtLeast(f.level) {
		return nil
	}
	if f.live || f.last < 0 {
		return f.to.line(text)
	}
	f.kept = append(f.kept, text)
	if len(f.kept) > 2*f.last+1000 { // now and then, not at each line
		f.kept = slices.Clone(f.kept[len(f.kept)-f.last:])
	}
	return nil
}

// end is the end of what is there at the beginning.
func (f *recordFilter) end() error {
	f.live = true
	for _, text := range f.kept[max(0, len(f.kept)-max(f.last, 0)):] {
		if err := f.to.line(text); err != nil {
			return err
		}
	}
	f.kept = nil
	return nil
}

// recordWriter takes the lines of supervisor.NewLogHandler, each in one Write.
type recordWriter struct{ to *recordPrinter }

func (w *recordWriter) Write(b []byte) (int, error) { return len(b), w.to.line(string(b)) }
