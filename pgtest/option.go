package pgtest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"nself.org/embeddedpg/internal/migrate"
	"nself.org/embeddedpg/pgtest/internal/testserver"
)

// Option is a choice of New.
type Option func(*options)

type options struct {
	steps    []step
	settings map[string]string
	leaks    bool
	err      error
}

// step is one part of making a template.
type step struct {
	id     string // tells steps that do different things apart
	binary bool   // what it does depends on this test binary too
	run    func(context.Context, *DB) error
}

func collect(list []Option) (options, error) {
	o := options{settings: map[string]string{}}
	for _, opt := range list {
		opt(&o)
	}
	return o, o.err
}

// key names the template: equal for equal steps in equal order. On a server that outlives this test binary, a function is
// the same only in the same binary.
func (o *options) key() (string, error) {
	h := sha256.New()
	binary := false
	for _, s := range o.steps {
		fmt.Fprintf(h, "%d:%s", len(s.id), s.id)
		binary = binary || s.binary
	}
	if mode := os.Getenv(modeEnv); binary && mode != "" && mode != testserver.SharedMode {
		id, err := binaryID()
		if err != nil {
			return "", fmt.Errorf("tell this test binary from others: %w", err)
		}
		h.Write(id)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// server names the kind of server: equal for equal settings.
func (o *options) server() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(o.settings)) {
		fmt.Fprintf(h, "%q=%q\n", name, o.settings[name])
	}
	return hex.EncodeToString(h.Sum(nil))[:8]
}

// SQL runs statements in the template: what a migration file may contain, a dump of pg_dump and the data of COPY ... FROM
// STDIN included. They are one transaction, unless they contain what PostgreSQL refuses in one.
func SQL(statements string) Option {
	return func(o *options) {
		o.steps = append(o.steps, step{id: "sql " + statements, run: func(ctx context.Context, db *DB) error {
			script, err := migrate.Parse("pgtest.SQL", statements)
			if err != nil {
				return err
			}
			return db.run(ctx, "pgtest.SQL", script)
		}})
	}
}

// MigrateFS runs the SQL files that match one of the patterns (of fs.Glob; none is "*.sql") in the template. They may be plain
// SQL, dumps, or files of goose, golang-migrate, dbmate, sql-migrate, tern or atlas: their up halves run, in the tool's order and
// with the transactions that its notes ask for. What is not understood of them, such as variables and templates, is an error, as is
// an atlas.sum that disagrees, and a pattern without a match. Files *.down.sql are left out. Plain SQL goes by number where names
// begin with one, else by name; each file is one transaction, unless it contains what PostgreSQL refuses in one.
//
// The template is named by the files' names and contents, so a change makes a new one.
func MigrateFS(files fs.FS, patterns ...string) Option {
	if len(patterns) == 0 {
		patterns = []string{"*.sql"}
	}
	return func(o *options) {
		names, err := glob(files, patterns)
		var id string
		if err == nil {
			id, err = contents(files, names)
		}
		if err != nil {
			o.err = fmt.Errorf("pgtest.MigrateFS: %w", err)
			return
		}
		o.steps = append(o.steps, step{id: "files " + id, run: func(ctx context.Context, db *DB) error {
			list, err := migrate.Load(files, names, nil)
			if err == nil && len(list) == 0 {
				err = fmt.Errorf("pgtest.MigrateFS: %s match only files that undo others", strings.Join(patterns, ", "))
			}
			if err != nil {
				return err
			}
			for _, f := range list.Fresh() {
				if err := db.run(ctx, f.Path, f.Script); err != nil {
					return err
				}
			}
			return nil
		}})
	}
}

// Migrate runs migrate in the template: the place to call a migration library, with db.ConnString. It must close its
// connections. What a function does cannot be hashed: the template is named by the function, by name, and by the inputs.
//
// A template lives as long as its server, so an edited function always runs, except on a server in a directory that you name
// (EMBEDDEDPG_PGTEST), which outlives the test binary: there a function without inputs runs once for each test binary that is built, and
// one with inputs runs again only when they change. A function that does different things for different captured variables
// must get different names or inputs for them.
func Migrate(name string, migrate func(ctx context.Context, db *DB) error, inputs ...Input) Option {
	function := runtime.FuncForPC(reflect.ValueOf(migrate).Pointer()).Name()
	return func(o *options) {
		id, binary := "func "+function+" "+name, len(inputs) == 0
		for _, in := range inputs {
			id += "\n" + in.id
			binary = binary || in.binary
			o.err = cmp.Or(o.err, in.err)
		}
		o.steps = append(o.steps, step{id, binary, func(ctx context.Context, db *DB) error {
			if err := migrate(ctx, db); err != nil {
				return fmt.Errorf("%s: %w", strings.TrimSpace(name+" ("+function+")"), err)
			}
			return nil
		}})
	}
}

// Settings are settings of the server, such as {"shared_preload_libraries": "pg_stat_statements"}. Tests with the same settings share a
// server; each other set of settings starts one more.
func Settings(settings map[string]string) Option {
	settings = maps.Clone(settings)
	return func(o *options) { maps.Copy(o.settings, settings) }
}

// AllowOpenConnections keeps a test from failing because of connections that are open at its end.
func AllowOpenConnections() Option { return func(o *options) { o.leaks = true } }
