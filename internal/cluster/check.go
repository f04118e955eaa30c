package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/fault"
)

// majorVersion is the one major version of PostgreSQL whose clusters this server opens.
const majorVersion = "18"

const opCheck = "open the data directory"

// check looks at an existing directory. It returns empty for one without entries, else checks that it
// is a cluster that this server can run. It changes nothing.
func check(dir string) (empty bool, err error) {
	bad := func(hint string, err error) (bool, error) {
		return false, &fault.Error{Op: opCheck, Path: dir, Hint: hint, Err: err}
	}
	st, err := os.Stat(dir)
	switch {
	case err != nil:
		return bad(accessHint(err), reason(err))
	case !st.IsDir():
		return bad("give a directory, or a name that does not exist yet", errors.New("it is not a directory"))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return bad(accessHint(err), reason(err))
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return bad(accessHint(err), err)
	}
	if len(entries) == 0 {
		return true, nil
	}
	version, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return bad("nothing in it was touched; use another directory, or a new subdirectory of this one",
			fmt.Errorf("it is not empty (%s) and not a PostgreSQL cluster", some(entries)))
	case err != nil:
		return bad(accessHint(err), reason(err))
	}
	if v := strings.TrimSpace(string(version)); v != majorVersion {
		return bad("nothing was changed; dump it with the programs of that version (pg_dumpall) and restore the dump into a new directory, or use pg_upgrade",
			fmt.Errorf("it is a cluster of PostgreSQL %s, and this is PostgreSQL %s", v, majorVersion))
	}
	raw, err := os.ReadFile(filepath.Join(dir, "global", "pg_control"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return bad("restore it from a backup, or use another directory", errors.New("its global/pg_control is missing: the cluster is incomplete"))
	case err != nil:
		return bad(accessHint(err), reason(err))
	}
	var mismatch *MismatchError
	if _, err := ParseControl(raw); errors.As(err, &mismatch) && mismatch.Narrow {
		return bad("nothing was changed; dump it with the programs that made it (for PGlite: pgDump of its tools package) and restore the dump into a new directory", err)
	} else if errors.As(err, &mismatch) {
		return bad("nothing was changed; dump it with the programs that made it and restore the dump into a new directory", err)
	} else if err != nil {
		return bad("nothing was changed; restore the cluster from a backup", err)
	}
	// checkDataDir in src/backend/utils/init/miscinit.c refuses these with less advice.
	if mode := st.Mode().Perm(); mode&0o027 != 0 {
		return bad("chmod 700 "+dir, fmt.Errorf("others have access to it (mode %#o)", mode))
	}
	return false, outside(dir)
}

// outside refuses clusters that keep files elsewhere: the server sees nothing but the data directory.
func outside(dir string) error {
	bad := func(what, hint string) error {
		return &fault.Error{Op: opCheck, Path: dir, Hint: hint, Err: errors.New(what)}
	}
	for _, name := range []string{"pg_wal", "base", "global", "pg_xact", "pg_tblspc"} {
		st, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			return bad("its "+name+" is missing: the cluster is incomplete", "restore it from a backup, or use another directory")
		}
		if st.Mode()&fs.ModeSymlink != 0 {
			return bad("its "+name+" is a symbolic link, and the server sees only the data directory", "stop the server that made it and move the directory behind the link to the link's place")
		}
	}
	spaces, err := os.ReadDir(filepath.Join(dir, "pg_tblspc"))
	if err != nil {
		return &fault.Error{Op: opCheck, Path: dir, Hint: accessHint(err), Err: reason(err)}
	}
	for _, e := range spaces {
		if e.Type()&fs.ModeSymlink == 0 {
			continue
		}
		to, _ := os.Readlink(filepath.Join(dir, "pg_tblspc", e.Name()))
		return bad(fmt.Sprintf("its tablespace %s is in %s, and the server sees only the data directory", e.Name(), to),
			"with the server that made it, move the tables into pg_default and drop the tablespace")
	}
	return nil
}

// accessHint is what to do about a directory that we may not use.
func accessHint(err error) string {
	switch {
	case isErrno(err, syscall.EROFS):
		return "the file system is mounted read-only; PostgreSQL must write to its data directory"
	case isErrno(err, syscall.EACCES, syscall.EPERM):
		return fmt.Sprintf("the directory must belong to the user who runs this (uid %d), with mode 0700", os.Geteuid())
	}
	return ""
}

// reason is err without the operation and path that os puts around it.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// some names up to three of the entries.
func some(entries []os.DirEntry) string {
	var names []string
	for _, e := range entries {
		if len(names) == 3 {
			names = append(names, "...")
			break
		}
		names = append(names, e.Name())
	}
	return strings.Join(names, ", ")
}
