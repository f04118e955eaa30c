package main

import (
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/studio"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/connect"
	"nself.org/embeddedpg/internal/hostdir"
)

func newStudio(p *project) *cobra.Command {
	var port int
	var readOnly, noBrowser bool
	var timeout time.Duration
	var rows int
	c := &cobra.Command{
		Use:   "studio",
		Short: "Look into the database in the browser",
		Long: `Open a page in the browser that shows the running database: tables and their rows, the schema,
queries and their plans, sessions, backups, metrics. It is served on this machine's loopback
interface until it is interrupted. The address has a token that lets one browser in, once; nothing
is loaded from elsewhere.

Queries are kept in studio-history.jsonl in the runtime directory, for this user alone.`,
		Example: `  nself studio
  nself studio --read-only --no-browser`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := p.reach(cmd.Context())
			if err != nil {
				return err
			}
			paths, err := supervisor.NewPaths(p.Runtime, true)
			if err != nil {
				return err
			}
			leads := "" // the file that leads the browser to the page
			forget := func() { os.Remove(leads) }
			s, err := studio.Listen(studio.Config{
				Connect: db.pool, Database: db.name, Title: p.Name, ReadOnly: readOnly, Timeout: timeout, Rows: rows,
				History: filepath.Join(paths.Runtime, "studio-history.jsonl"), Entered: forget,
				Backups: studioBackups{&backups{project: p}},
			}, port)
			if err != nil {
				return &embeddedpg.Error{Op: "open a port for", Path: "studio", Err: err, Hint: "leave --port out: a free one is taken"}
			}
			if !noBrowser {
				if leads, err = openStudio(s.URL(), paths.Runtime); err != nil {
					return errors.Join(err, s.Close())
				}
				defer forget()
			}
			tellStudio(cmd.OutOrStdout(), s.URL(), leads != "")
			return s.Serve(cmd.Context())
		},
	}
	c.Flags().IntVar(&port, "port", 0, "the port on 127.0.0.1 (default: a free one)")
	c.Flags().BoolVar(&readOnly, "read-only", false, "change nothing: every statement runs in a read-only transaction")
	c.Flags().BoolVar(&noBrowser, "no-browser", false, "print the address, and open no browser")
	c.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long a statement may take")
	c.Flags().IntVar(&rows, "rows", 1000, "the most rows that a query shows")
	return c
}

// pool is how a database of the same server is reached by a pool of connections.
func (d database) pool(name string) (*pgxpool.Config, error) {
	return connect.Config(d.in(name).server().URL(), pgxpool.ParseConfig, func(c *pgxpool.Config) *pgconn.Config { return &c.ConnConfig.Config })
}

func tellStudio(w io.Writer, url string, opened bool) {
	if opened {
		fmt.Fprintln(w, "The studio opens in your browser. If it does not, open this address, which works once:")
	} else {
		fmt.Fprintln(w, "The studio is at this address, which works once:")
	}
	fmt.Fprintf(w, "\n  %s\n\nInterrupt (Ctrl-C) to end it.\n", url)
}

// openStudio has a browser open the page, if there is one. The arguments of a program are seen by all users, so it gets the
// path of a file that only this one can read, and that leads to the address; "": there is no browser.
func openStudio(url, dir string) (string, error) {
	opener := "xdg-open"
	if runtime.GOOS == "darwin" {
		opener = "open"
	} else if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return "", nil
	}
	program, err := exec.LookPath(opener)
	if err != nil {
		return "", nil //nolint:nilerr // the address is printed
	}
	if root, err := os.OpenRoot(dir); err == nil { // what a killed one has left
		hostdir.Prune(root, func(name string) time.Duration {
			if ok, _ := filepath.Match(studioFiles, name); ok {
				return 24 * time.Hour
			}
			return 0
		})
		root.Close()
	}
	f, err := os.CreateTemp(dir, studioFiles) // mode 0600
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(f, "<!doctype html><meta charset=utf-8><title>nself studio</title><meta http-equiv=refresh content=\"0;url=%s\">\n", html.EscapeString(url))
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	browser := exec.Command(program, f.Name())
	browser.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is not for it
	if browser.Start() != nil {
		os.Remove(f.Name())
		return "", nil // as if there were none
	}
	return f.Name(), browser.Process.Release()
}

// studioFiles are the files that lead a browser to the page.
const studioFiles = "studio-*.html"
