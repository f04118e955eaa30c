package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"nself.org/embeddedpg"
)

const (
	pgxs = "/usr/lib/postgresql/18/lib/pgxs"
	bin  = "/usr/lib/postgresql/18/bin"
)

// environment is where suites run: a directory that the Debian root and the server see under the same name, since
// some tests COPY from and to it.
type environment struct {
	root, source, keep string
	dirs               []string // with extensions that are not built in

	check    string // the directory, as the host sees it
	guest    string // as the others see it
	template string // a data directory that lets everybody in
}

func (e *environment) prepare(ctx context.Context) error {
	check, err := os.MkdirTemp(filepath.Join(e.root, "tmp"), "check-")
	if err != nil {
		return err
	}
	e.check, e.guest = check, "/"+filepath.Base(check)
	if err := os.Symlink("/tmp"+e.guest, filepath.Join(e.root, e.guest)); err != nil {
		return err
	}
	e.template = filepath.Join(check, "template")
	server, err := embeddedpg.Start(ctx, e.config(e.template, nil))
	if err != nil {
		return err
	}
	if err := server.Close(); err != nil {
		return err
	}
	hba := "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 trust\n"
	return os.WriteFile(filepath.Join(e.template, "pg_hba.conf"), []byte(hba), 0o600)
}

func (e *environment) remove() {
	os.Remove(filepath.Join(e.root, e.guest))
	os.RemoveAll(e.check)
}

func (e *environment) config(data string, settings map[string]string) embeddedpg.Config {
	all := map[string]string{"max_connections": "100", "fsync": "off", "max_prepared_transactions": "2"}
	for name, value := range settings {
		all[name] = value
	}
	return embeddedpg.Config{
		DataDir:       data,
		SocketDir:     filepath.Join(e.check, "s"),
		Port:          5432,
		Mounts:        []embeddedpg.Mount{{Host: e.check, Guest: e.guest}},
		Settings:      all,
		ExtensionDirs: e.dirs,
	}
}

// visible makes a copy of a directory that the Debian root sees, and tells its name there.
func (e *environment) visible(dir string) (place string, remove func(), err error) {
	work := filepath.Join(e.check, filepath.Base(dir))
	if err := os.CopyFS(work, os.DirFS(dir)); err != nil {
		return "", nil, err
	}
	return e.guest + "/" + filepath.Base(dir), func() { os.RemoveAll(work) }, nil
}

// serve starts a server on a new copy of the template, calls do, and stops it.
func (e *environment) serve(ctx context.Context, settings map[string]string, log io.Writer, do func() error) (err error) {
	data := filepath.Join(e.check, "data")
	if err := os.CopyFS(data, os.DirFS(e.template)); err != nil {
		return err
	}
	defer os.RemoveAll(data)
	if err := private(data); err != nil {
		return err
	}
	config := e.config(data, settings)
	config.Log = slog.NewTextHandler(log, nil)
	server, err := embeddedpg.Start(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	return do()
}

// private gives a copied data directory the permissions that PostgreSQL asks for.
func private(data string) error {
	return filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
}

// inRoot makes a command that runs in the Debian root as a client of the server.
func (e *environment) inRoot(program string, args ...string) *exec.Cmd {
	return e.inRootAt("/", program, args...)
}

// inRootAt makes such a command that runs in a directory of the root.
func (e *environment) inRootAt(dir, program string, args ...string) *exec.Cmd {
	cmd := exec.Command("chroot", append([]string{e.root, "/usr/bin/env", "-C", dir, program}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+bin+":/usr/bin:/bin", "LC_ALL=C",
		"PGHOST="+e.guest+"/s", "PGPORT=5432", "PGUSER=postgres")
	return cmd
}

// run runs a suite's tests and fills in those that failed.
func (e *environment) run(ctx context.Context, s *suite) error {
	if s.tests() == 0 {
		return nil
	}
	place, remove, err := e.visible(s.dir)
	if err != nil {
		return err
	}
	defer remove()
	work := filepath.Join(e.check, filepath.Base(s.dir))
	settings, err := s.settings()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(work, "server.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	err = e.serve(ctx, settings, log, func() error {
		input := place
		for _, o := range s.options {
			if dir, ok := strings.CutPrefix(o, "--inputdir="); ok {
				input = place + "/" + dir
			}
		}
		options := []string{
			"--host=" + e.guest + "/s", "--port=5432", "--user=postgres", "--inputdir=" + input,
			"--bindir=" + bin, "--dlpath=/pgsql/lib",
		}
		if len(s.regress) > 0 {
			e.drive(s, s.regress, place, "src/test/regress/pg_regress",
				append(slices.Concat(options, loads(s.options)), "--outputdir="+place, "--dbname=contrib_regression"))
		}
		if len(s.isolation) > 0 {
			e.drive(s, s.isolation, place, "src/test/isolation/pg_isolation_regress",
				append(slices.Concat(options, loads(s.isolationOptions)), "--outputdir="+place+"/output_iso", "--dbname=isolation_regression"))
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("%-20s %d of %d %s\n", s.name, s.tests()-len(s.failed), s.tests(), strings.Join(s.failed, " "))
	if s.failed != nil && e.keep != "" {
		kept := filepath.Join(e.keep, s.name)
		if err := errors.Join(os.RemoveAll(kept), os.CopyFS(kept, os.DirFS(work))); err != nil {
			return err
		}
	}
	return nil
}

// loads are those of a suite's options that have extensions created first. The others are about a server that
// pg_regress would start itself.
func loads(options []string) (list []string) {
	for _, o := range options {
		if strings.HasPrefix(o, "--load-extension=") {
			list = append(list, o)
		}
	}
	return list
}

var okLine = regexp.MustCompile(`(?m)^ok\s+\d+\s+[-+]\s+(\S+)`)

// drive runs tests by one of PostgreSQL's drivers. A test that its report does not call ok has failed.
func (e *environment) drive(s *suite, tests []string, dir, driver string, options []string) {
	cmd := e.inRootAt(dir, filepath.Join(pgxs, driver), append(options, tests...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // the report says it better
	ok := map[string]bool{}
	for _, m := range okLine.FindAllSubmatch(out.Bytes(), -1) {
		ok[string(m[1])] = true
	}
	for _, t := range tests {
		if !ok[t] {
			s.failed = append(s.failed, t)
		}
	}
	if len(ok) == 0 && len(tests) > 0 {
		fmt.Printf("%s: %s", s.name, out.Bytes())
	}
}
