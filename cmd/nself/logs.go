package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"nself.org/embeddedpg"
)

func newLogs(p *project) *cobra.Command {
	var follow bool
	var lines int
	c := &cobra.Command{
		Use:   "logs [SERVICE]",
		Short: "Print the log of the database or of another service",
		Long: `Print the end of a service's log: without a name the embedded database's, or those of all containers. The
embedded database's is rotated at 10 MB, and three old files are kept beside it, in the runtime directory.`,
		Example: "  nself logs -f\n  nself logs hasura --tail 1000",
		Args:    cobra.MaximumNArgs(1),

		ValidArgsFunction: p.completeServices,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range args {
				if err := p.checkService(name); err != nil {
					return err
				}
			}
			if len(args) == 1 && args[0] != "postgres" && !p.built() {
				return &embeddedpg.Error{Op: "read the log of", Path: args[0], Err: errors.New("it was never started here"), Hint: "nself start --embedded-pg starts it, in Docker; nself logs is the database's"}
			}
			if p.built() && (len(args) == 0 && !p.Embedded || len(args) == 1 && !(p.Embedded && args[0] == "postgres")) {
				return p.containerLogs(cmd, args, lines, follow)
			}
			return p.databaseLog(cmd, lines, follow)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on as the log grows, until interrupted")
	c.Flags().IntVarP(&lines, "tail", "n", 100, "begin with this many lines from the end; -1: all")
	return c
}

func (p *project) containerLogs(cmd *cobra.Command, services []string, lines int, follow bool) error {
	b, err := p.docker(cmd.Context())
	if err != nil {
		return err
	}
	args := []string{"logs", "--no-color", "--tail", strconv.Itoa(lines)}
	if lines < 0 {
		args[len(args)-1] = "all"
	}
	if follow {
		args = append(args, "--follow")
	}
	err = b.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), append(args, services...)...)
	if follow && errors.Is(err, context.Canceled) {
		return nil // interrupted, as it is meant to end
	}
	return err
}

func (p *project) databaseLog(cmd *cobra.Command, lines int, follow bool) error {
	paths, err := p.paths()
	if err != nil {
		return err
	}
	err = tail(cmd.Context(), cmd.OutOrStdout(), paths.Log(), lines, follow)
	if errors.Is(err, fs.ErrNotExist) {
		return &embeddedpg.Error{Op: "read the log", Path: paths.Log(), Err: errors.New("there is none: the database has never run"), Hint: "start it: nself start --embedded-pg --only postgres"}
	}
	return err
}

// followEvery is how often a followed file is looked at.
const followEvery = 200 * time.Millisecond

// tail copies the last lines of a file, and with follow what is added to it, or to the file that takes its place
// when it is rotated, until ctx ends.
func tail(ctx context.Context, w io.Writer, path string, lines int, follow bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { f.Close() }()
	if err := seekLines(f, lines); err != nil {
		return err
	}
	for {
		if _, err := io.Copy(w, f); err != nil || !follow {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
		next, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) { // between two names of a rotation
			continue
		}
		if err != nil {
			return err
		}
		same, err := sameFile(f, next)
		if err != nil || same {
			next.Close()
			if err != nil {
				return err
			}
			continue
		}
		if _, err := io.Copy(w, f); err != nil { // its rest
			next.Close()
			return err
		}
		f.Close()
		f = next
	}
}

func sameFile(a, b *os.File) (bool, error) {
	x, err := a.Stat()
	if err != nil {
		return false, err
	}
	y, err := b.Stat()
	return err == nil && os.SameFile(x, y), err
}

// seekLines goes to where the last n lines begin; n below 0 is the beginning.
func seekLines(f *os.File, n int) error {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || n < 0 {
		_, err = f.Seek(0, io.SeekStart)
		return err
	}
	const block = 64 << 10
	b := make([]byte, block)
	for at := end; at > 0; {
		from := max(0, at-block)
		piece := b[:at-from]
		if _, err := f.ReadAt(piece, from); err != nil {
			return err
		}
		for i := len(piece) - 1; i >= 0; i-- {
			if piece[i] != '\n' || from+int64(i) == end-1 { // the last line's end
				continue
			}
			if n--; n <= 0 {
				_, err := f.Seek(from+int64(i)+1, io.SeekStart)
				return err
			}
		}
		at = from
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}
