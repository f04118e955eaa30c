package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// CreateOptions describe a new cluster. Superuser and Password are required.
type CreateOptions struct {
	Superuser string
	Password  string // the superuser's
	Database  string // a database to make besides postgres; "": none
	Provider  string // of the locale: ProviderBuiltin or ProviderICU; "": the first
	Locale    string // "": DefaultLocale
	Volatile  bool   // the files need not survive a power failure
	Log       slog.Handler

	Seed []byte // an encoded seed of the server's cluster, which is used if CanSeed; nil: none
}

// The providers of locales that a new cluster may have, by PostgreSQL's names.
const (
	ProviderBuiltin = "builtin"
	ProviderICU     = "icu"
)

// DefaultLocale is that of a new cluster, as is ProviderBuiltin.
const DefaultLocale = "C.UTF-8"

// BuiltinLocales are those of ProviderBuiltin: builtin_validate_locale in src/backend/utils/adt/pg_locale.c.
var BuiltinLocales = []string{"C", DefaultLocale, "PG_UNICODE_FAST"}

// locale returns initdb's arguments for the locale, the provider's first.
func (o CreateOptions) locale() []string {
	if o.Provider == ProviderICU {
		return []string{"--locale-provider=icu", "--icu-locale=" + o.Locale}
	}
	return []string{"--locale-provider=builtin", "--builtin-locale=" + cmp.Or(o.Locale, DefaultLocale)}
}

// CanSeed reports whether a cluster of a seed can be like one that initdb makes.
func (o CreateOptions) CanSeed() bool {
	// SASLprep leaves ASCII as it is, and only that.
	plain := func(r rune) bool { return r >= ' ' && r <= '~' }
	likeSeed := slices.Equal(o.locale(), CreateOptions{}.locale()) && o.Superuser == SeedSuperuser
	return o.Seed != nil && likeSeed && strings.IndexFunc(o.Password, func(r rune) bool { return !plain(r) }) < 0
}

const opCreate = "create the database cluster"

// Names within the directory in which a cluster is made.
const (
	stageData   = "data"
	stageMarker = "embeddedpg-new-cluster"
)

// Create makes the cluster, of the seed if it can, else with initdb.
func (c *Cluster) Create(ctx context.Context, p Programs, o CreateOptions) error {
	return c.place(opCreate, o.Volatile, func(data string) (shared bool, err error) {
		fill := initdb
		if o.CanSeed() {
			fill = sow
		}
		if err := fill(ctx, p, data, o); err != nil {
			return false, err
		}
		return false, createDatabase(ctx, p, data, o)
	})
}

// sow writes the seed, with a new identity, into the empty directory data.
func sow(ctx context.Context, _ Programs, data string, o CreateOptions) error {
	s, err := OpenSeed(o.Seed)
	if err == nil {
		err = s.Identify(NewIdentity(o.Password))
	}
	if err != nil {
		return &fault.Error{Op: opCreate, Path: data, Err: err}
	}
	if err := os.Remove(data); err != nil {
		return err
	}
	if _, err := s.Write(data); err != nil {
		return err
	}
	if !o.Volatile {
		if err := s.allocate(data); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// place puts a new cluster into the data directory: fill makes it in an empty directory beside it, which then takes
// its place in one rename. Until then the data directory stays empty, whatever happens. fill reports whether the files
// share their blocks with others.
func (c *Cluster) place(op string, volatile bool, fill func(data string) (shared bool, err error)) error {
	if !c.empty {
		return &fault.Error{Op: op, Path: c.dir, Err: errors.New("the directory is not empty")}
	}
	if err := checkFileSize(op, c.dir, newSegment); err != nil {
		return err
	}
	c.clearStages()
	stage, err := c.newStage(op)
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)

	data := filepath.Join(stage, stageData)
	shared, err := fill(data)
	switch {
	case err != nil || volatile:
	case shared:
		err = hostdir.SyncFileSystem(data)
	default:
		err = hostdir.SyncTree(data)
	}
	if err != nil {
		return c.placeError(op, err)
	}
	// The lock moves with the directory: it is taken before the new name exists.
	lock, err := lockDir(data)
	if err != nil {
		return err
	}
	// os.Rename refuses to replace even an empty directory.
	if err := unix.Rename(data, c.dir); err != nil {
		lock.release()
		hint := ""
		if isErrno(err, syscall.EBUSY, syscall.EXDEV) {
			hint = "it is a mount point: use a subdirectory of it"
		}
		return &fault.Error{Op: op, Path: c.dir, Hint: hint, Err: err}
	}
	c.lock.release()
	c.lock = lock
	c.empty = false
	if !volatile {
		for _, dir := range []string{stage, filepath.Dir(c.dir)} {
			if err := hostdir.SyncPath(dir); err != nil {
				return &fault.Error{Op: op, Path: c.dir, Err: err}
			}
		}
	}
	return nil
}

// placeError names the data directory in the errors of its file system; other errors say enough themselves.
func (c *Cluster) placeError(op string, err error) error {
	var known *fault.Error
	var p *fs.PathError
	if errors.As(err, &known) || !errors.As(err, &p) {
		return err
	}
	return &fault.Error{Op: op, Path: c.dir, Hint: spaceHint(err), Err: err}
}

// stagePrefix is how the names of the directories begin in which clusters for c.dir are made.
func (c *Cluster) stagePrefix() string { return "." + filepath.Base(c.dir) + ".new-" }

func (c *Cluster) newStage(op string) (string, error) {
	parent := filepath.Dir(c.dir)
	stage, err := os.MkdirTemp(parent, c.stagePrefix())
	if err == nil {
		if err = os.Mkdir(filepath.Join(stage, stageData), 0o700); err == nil {
			err = os.WriteFile(filepath.Join(stage, stageMarker), nil, 0o600)
		}
	}
	if err == nil {
		return stage, nil
	}
	hint := spaceHint(err)
	if isErrno(err, syscall.EACCES, syscall.EROFS, syscall.EPERM) {
		hint = "a new cluster is made beside its final place: " + parent + " must be writable, or use a subdirectory of " + c.dir
	}
	return "", &fault.Error{Op: op, Path: c.dir, Hint: hint, Err: err}
}

// clearStages removes what a killed Create or Copy of the same data directory left. It is called with the
// directory's lock held, so none is in use; the marker says that it is ours.
func (c *Cluster) clearStages() {
	parent := filepath.Dir(c.dir)
	entries, _ := os.ReadDir(parent)
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), c.stagePrefix()) {
			continue
		}
		stage := filepath.Join(parent, e.Name())
		if _, err := os.Lstat(filepath.Join(stage, stageMarker)); err == nil {
			os.RemoveAll(stage)
		}
	}
}

// initdb makes a cluster in the empty directory data with PostgreSQL's own program.
func initdb(ctx context.Context, p Programs, data string, o CreateOptions) error {
	t, err := newTree(p.Image, data, guestData, RunOptions{})
	if err != nil {
		return &fault.Error{Op: opCreate, Path: data, Err: err}
	}
	defer t.close()
	if err := t.write(guestPw, o.Password+"\n"); err != nil {
		return err
	}
	// lc_collate and lc_ctype are C, which every server has: whether a native one knows C.UTF-8 depends on
	// its system. Text sorts and is classified by the provider's locale all the same.
	argv := []string{
		guestPrefix + "/bin/initdb", "-D", guestData, "-U", o.Superuser, "--pwfile=" + guestPw, "-A", "scram-sha-256",
		"-E", "UTF8", "--locale=C", "--data-checksums", "--no-instructions",
		"--no-sync", // Create does that itself, several files at a time
	}
	argv = append(argv, o.locale()...)
	out, err := runTool(ctx, p, t, o.Log, "", argv...)
	if err == nil {
		return appendHBA(data)
	}
	err = toolError(opCreate, out, err)
	var known *fault.Error
	if o.Provider == ProviderICU && strings.Contains(out, "error: locale") && errors.As(err, &known) {
		known.Hint = `name a language that ICU knows by its tag, such as "de", "sv-SE" or "und"`
	}
	return err
}

// createDatabase makes the database that is asked for besides initdb's.
func createDatabase(ctx context.Context, p Programs, data string, o CreateOptions) error {
	if o.Database == "" || o.Database == "postgres" {
		return nil
	}
	t, err := newTree(p.Image, data, guestData, RunOptions{})
	if err != nil {
		return &fault.Error{Op: opCreate, Path: data, Err: err}
	}
	defer t.close()
	sql := "CREATE DATABASE " + quoteIdentifier(o.Database) + "\n"
	argv := []string{guestPrefix + "/bin/postgres", "--single", "-F", "-D", guestData, "-c", "exit_on_error=on", "-c", "log_checkpoints=off", "postgres"}
	if out, err := runTool(ctx, p, t, o.Log, sql, argv...); err != nil {
		return toolError("create the database "+o.Database, out, err)
	}
	return nil
}

// toolError makes an error of a program's end: its own words are the reason.
func toolError(op, out string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", op, err)
	}
	hint := ""
	if strings.Contains(out, "No space left on device") {
		hint = "make room on the file system, then start again"
	}
	if out = lastLines(out, 8); out != "" {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return &fault.Error{Op: op, Hint: hint, Err: err}
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}

// appendHBA lets addresses other than the loopback ones in, with a password.
func appendHBA(data string) error {
	f, err := os.OpenFile(filepath.Join(data, "pg_hba.conf"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(hbaNew)
	return err
}

// quoteIdentifier quotes an SQL name.
func quoteIdentifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func spaceHint(err error) string {
	if isErrno(err, syscall.ENOSPC, unix.EDQUOT) {
		return "make room on the file system, then start again"
	}
	return accessHint(err)
}
