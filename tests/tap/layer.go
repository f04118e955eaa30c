//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/image"
)

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
	files, err := image.FS()
	if err == nil {
		err = os.CopyFS(layer, files) // the guests have them anyhow; some tests read them
	}
	if err != nil {
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
