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

// build builds package program, unless it is given.
func (p *places) build(ctx context.Context) error {
	home := p.home()
	if err := errors.Join(os.Chmod(p.dir, 0o755), os.MkdirAll(home, 0o700), os.Chown(home, userID, userID)); err != nil || p.program != "" {
		return err
	}
	p.program = filepath.Join(p.dir, "program")
	build := exec.CommandContext(ctx, "go", "build", "-o", p.program, "./tests/tap/program")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the programs: %w", err)
	}
	return nil
}

// prepare makes the layer of programs for a choice, and in it a cluster that the tests copy.
func (p *places) prepare(ctx context.Context, with string) error {
	if err := p.layer(with); err != nil {
		return err
	}
	argv := []string{p.bin(with) + "/initdb", "--no-sync", "--auth=trust", "-D", "/tmp/template"}
	out, code, err := p.run(ctx, with, "template-"+with, "/tmp", argv, templateTime)
	if err != nil || code != 0 {
		return fmt.Errorf("make a cluster with %s programs: exit %d, %w\n%s", with, code, err, out)
	}
	return os.Rename(filepath.Join(p.dir, "template-"+with, "tmp", "template"), filepath.Join(p.dir, with, "template"))
}

// templateTime is enough for the first cluster on a machine, which has wasmtime compile the server with a shell.
const templateTime = 10 * time.Minute

// home has the cache of machine code, which lasts.
func (p *places) home() string { return filepath.Join(p.o.source, "home") }

func (p *places) bin(with string) string {
	if with == withNative {
		return nativeBin
	}
	return ourBin
}

// ours are the programs of pgtools.wasm; the rest is Debian's in any case.
var ours = strings.Fields(`postgres initdb psql pg_dump pg_dumpall pg_restore pgbench clusterdb createdb createuser dropdb dropuser
	pg_isready reindexdb vacuumdb pg_amcheck pg_archivecleanup pg_basebackup pg_createsubscriber pg_receivewal pg_recvlogical
	pg_checksums pg_combinebackup pg_config pg_controldata pg_resetwal pg_rewind pg_test_fsync pg_test_timing pg_verifybackup
	pg_waldump pg_walsummary oid2name vacuumlo`)

// hosts has the names that load_balance wants.
const hosts = `127.0.0.1 localhost
127.0.0.1 pg-loadbalancetest
127.0.0.2 pg-loadbalancetest
127.0.0.3 pg-loadbalancetest
`

// layer makes the directory of programs: ours by a link each to the one that is all of them, Debian's as copies, since a
// program of PostgreSQL looks for others beside itself and sees through links.
func (p *places) layer(with string) error {
	layer := filepath.Join(p.dir, with)
	bin, lib := filepath.Join(layer, ourBin), filepath.Join(layer, "pgsql/lib")
	if err := errors.Join(os.MkdirAll(bin, 0o755), os.MkdirAll(lib, 0o755), os.MkdirAll(filepath.Join(layer, "home/tap"), 0o755)); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(layer, "etc"), 0o755), os.WriteFile(filepath.Join(layer, "etc/hosts"), []byte(hosts), 0o644)); err != nil || with == withNative {
		return err
	}
	natives := filepath.Join(p.o.root, nativeBin)
	entries, err := os.ReadDir(natives)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := copyFile(filepath.Join(natives, e.Name()), filepath.Join(bin, e.Name())); err != nil {
			return err
		}
	}
	if err := errors.Join(
		os.Rename(filepath.Join(bin, "pg_ctl"), filepath.Join(bin, ".pg_ctl")),
		copyFile(p.program, filepath.Join(bin, ".program")),
		os.Symlink(".program", filepath.Join(bin, "pg_ctl")),
	); err != nil {
		return err
	}
	for i, name := range ours {
		if with == withServer && i >= 2 && name != "pg_config" {
			break
		}
		to := filepath.Join(bin, name)
		_ = os.Remove(to)
		if err := os.Symlink(".program", to); err != nil {
			return err
		}
	}
	version, err := exec.Command("chroot", p.o.root, nativeBin+"/postgres", "-V").Output()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(lib, "version"), bytes.TrimPrefix(version, []byte("postgres ")), 0o644); err != nil {
		return err
	}
	if with == withShell {
		module, err := shellModule()
		if err == nil {
			err = os.WriteFile(filepath.Join(lib, "postgres.wasm"), module, 0o644)
		}
		if err != nil {
			return err
		}
	}
	header := filepath.Join(layer, "pgsql/include")
	if err := os.MkdirAll(header, 0o755); err != nil {
		return err
	}
	return copyFile(filepath.Join(p.o.root, "usr/include/postgresql/pg_config.h"), filepath.Join(header, "pg_config.h"))
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

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
	icu, regress := "no", "/pgsql/lib/regress.so"
	if with == withNative {
		icu, regress = "yes", "/usr/lib/postgresql/18/lib/regress.so"
	}
	return []string{
		"PATH=" + p.bin(with) + ":/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/home/tap", "USER=postgres", "LOGNAME=postgres", "TERM=xterm", "LC_ALL=C",
		"TESTDATADIR=/tmp/check", "TESTLOGDIR=/tmp/check/log", "top_builddir=/tmp/build", "PG_TEST_TIMEOUT_DEFAULT=60", "PG_TEST_EXTRA=ssl load_balance libpq_encryption",
		"PG_REGRESS=/usr/lib/postgresql/18/lib/pgxs/src/test/regress/pg_regress", "REGRESS_SHLIB=" + regress, "INITDB_TEMPLATE=/template",
		"with_ssl=openssl", "with_icu=" + icu, "with_readline=yes", "with_ldap=no", "with_gssapi=no", "enable_injection_points=no",
		"GZIP_PROGRAM=gzip", "TAR=tar", "ZSTD=zstd", "OPENSSL=openssl", "share_contrib_dir=" + filepath.Dir(p.bin(with)) + "/share/extension",
	}
}
