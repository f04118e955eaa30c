//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Whose programs run.
const (
	withAll    = "all"
	withServer = "server"
	withShell  = "shell"
	withNative = "native"
)

const (
	nativeBin = "/usr/lib/postgresql/18/bin"
	ourBin    = "/pgsql/bin"

	// userID is the user postgres of the Debian root.
	userID = 101
)

// places makes a place for each run.
type places struct {
	o       options
	dir     string // of this run of the command
	program string
	layers  map[string]func() error // makes the layer of programs, once
}

func newPlaces(ctx context.Context, o options) (*places, error) {
	dir, err := os.MkdirTemp("/var/tmp", "embeddedpg-tap-")
	if err != nil {
		return nil, err
	}
	p := &places{o: o, dir: dir, program: o.program, layers: map[string]func() error{}}
	for _, with := range []string{withAll, withServer, withShell, withNative} {
		p.layers[with] = sync.OnceValue(func() error { return p.prepare(ctx, with) })
	}
	if err := p.build(ctx); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *places) close() { os.RemoveAll(p.dir) }

// test runs a test file.
func (p *places) test(ctx context.Context, with, file string) result {
	dir, name := filepath.Split(file)
	folder := filepath.Dir(filepath.Clean(dir))
	if err := p.layers[with](); err != nil {
		return result{with: with, ended: err.Error()}
	}
	started := time.Now()
	id := with + "-" + strings.NewReplacer("/", "-").Replace(file)
	argv := []string{"/usr/bin/perl", "-I/src/src/test/perl", "-I/src/" + folder, "t/" + name}
	out, code, err := p.run(ctx, with, id, "/src/"+folder, argv, p.o.timeout)
	r := readReport(out)
	r.with, r.took = with, time.Since(started)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		r.ended = fmt.Sprintf("not done after %s", p.o.timeout)
	case err != nil:
		r.ended = err.Error()
	case code != 0 && r.ended == "" && r.ok == r.of:
		r.ended = fmt.Sprintf("exit code %d", code)
	}
	if !r.passed() && r.skipped == "" && p.o.keep != "" && ctx.Err() == nil {
		p.keep(id, out)
	}
	os.RemoveAll(filepath.Join(p.dir, id))
	return r
}

// keep saves the output and logs of a file.
func (p *places) keep(id string, out []byte) {
	to := filepath.Join(p.o.keep, id)
	_ = os.RemoveAll(to)
	_ = os.MkdirAll(to, 0o755)
	_ = os.WriteFile(filepath.Join(to, "output"), out, 0o644)
	logs, _ := filepath.Glob(filepath.Join(p.dir, id, "tmp/check/log/*"))
	for _, l := range logs {
		if st, err := os.Stat(l); err == nil && st.Mode().IsRegular() && st.Size() < 64<<20 {
			_ = copyFile(l, filepath.Join(to, filepath.Base(l)))
		}
	}
}

// run runs a program in a new place of that name, and returns what it printed and its exit code.
func (p *places) run(ctx context.Context, with, id, dir string, argv []string, timeout time.Duration) ([]byte, int, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	at := filepath.Join(p.dir, id)
	sub := func(name string) string { return filepath.Join(at, name) }
	for _, name := range []string{"root", "upper", "work", "tmp", "tmp/check/log", "tmp/build"} {
		if err := os.MkdirAll(sub(name), 0o755); err != nil {
			return nil, 0, err
		}
	}
	for _, name := range []string{"tmp/check", "tmp/check/log", "tmp/build"} {
		if err := os.Chown(sub(name), userID, userID); err != nil {
			return nil, 0, err
		}
	}
	if err := os.Chmod(sub("tmp"), 0o777|os.ModeSticky); err != nil {
		return nil, 0, err
	}
	j := job{
		Root: sub("root"), Upper: sub("upper"), Work: sub("work"), Tmp: sub("tmp"), Home: p.home(), UID: userID, Dir: dir, Argv: argv,
		Lower: strings.Join([]string{filepath.Join(p.dir, with), p.o.source, p.o.root}, ":"), Env: p.environment(with),
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, 0, err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = []string{insideVariable + "=" + string(text)}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 10 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return out.Bytes(), 0, ctx.Err()
	case errors.As(err, &exit):
		return out.Bytes(), exit.ExitCode(), nil
	}
	return out.Bytes(), 0, err
}

// environment is what make check sets, and what the tests ask of the build.
func (p *places) environment(with string) []string {
	regress := "/pgsql/lib/regress.so"
	if with == withNative {
		regress = "/usr/lib/postgresql/18/lib/regress.so"
	}
	return []string{
		"PATH=" + p.bin(with) + ":/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/home/tap", "USER=postgres", "LOGNAME=postgres", "TERM=xterm", "LC_ALL=C",
		"TESTDATADIR=/tmp/check", "TESTLOGDIR=/tmp/check/log", "top_builddir=/tmp/build", "PG_TEST_TIMEOUT_DEFAULT=60", "PG_TEST_EXTRA=ssl load_balance libpq_encryption",
		"PG_REGRESS=/usr/lib/postgresql/18/lib/pgxs/src/test/regress/pg_regress", "REGRESS_SHLIB=" + regress, "INITDB_TEMPLATE=/template",
		"with_ssl=openssl", "with_icu=yes", "with_readline=yes", "with_ldap=no", "with_gssapi=no", "enable_injection_points=no",
		"GZIP_PROGRAM=gzip", "TAR=tar", "ZSTD=zstd", "OPENSSL=openssl", "share_contrib_dir=" + filepath.Dir(p.bin(with)) + "/share/extension",
	}
}
