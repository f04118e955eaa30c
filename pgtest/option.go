package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
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
	id  string // tells steps that do different things apart
	run func(context.Context, *DB) error
}

func collect(list []Option) (options, error) {
	o := options{settings: map[string]string{}}
	for _, opt := range list {
		opt(&o)
	}
	return o, o.err
}

// key names the template: equal for equal steps in equal order.
func (o *options) key() string {
	h := sha256.New()
	for _, s := range o.steps {
		fmt.Fprintf(h, "%d:%s", len(s.id), s.id)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// server names the kind of server: equal for equal settings.
func (o *options) server() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(o.settings)) {
		fmt.Fprintf(h, "%q=%q\n", name, o.settings[name])
	}
	return hex.EncodeToString(h.Sum(nil))[:8]
}

// SQL runs statements in the template. They are one transaction, unless they contain commands for transactions.
func SQL(statements string) Option {
	return func(o *options) {
		o.steps = append(o.steps, step{"sql " + statements, func(ctx context.Context, db *DB) error {
			return db.Exec(ctx, statements)
		}})
	}
}

// below lists some of the files, for an error: with go:embed the pattern needs the directory's name.
func below(files fs.FS) []string {
	var names []string
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		if len(names) == 5 {
			names = append(names, "...")
			return fs.SkipAll
		}
		return nil
	})
	if names == nil {
		return []string{"none at all"}
	}
	return names
}

// MigrateFS runs the SQL files that match one of the patterns (of fs.Glob; none is "*.sql") in the template, in the
// order of their names, each as one transaction unless it contains commands for transactions. A directory with files
// for both ways wants a pattern such as "*.up.sql". No match is an error. The template is named by the files' names and
// contents, so a change makes a new one.
func MigrateFS(files fs.FS, patterns ...string) Option {
	if len(patterns) == 0 {
		patterns = []string{"*.sql"}
	}
	return func(o *options) {
		names := map[string]bool{}
		for _, p := range patterns {
			found, err := fs.Glob(files, p)
			if err == nil && len(found) == 0 {
				err = fmt.Errorf("no file matches %s; there are %s", p, strings.Join(below(files), ", "))
			}
			if err != nil {
				o.err = fmt.Errorf("pgtest.MigrateFS: %w", err)
				return
			}
			for _, name := range found {
				names[name] = true
			}
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				o.err = fmt.Errorf("pgtest.MigrateFS: %w", err)
				return
			}
			o.steps = append(o.steps, step{"file " + name + "\n" + string(text), func(ctx context.Context, db *DB) error {
				if err := db.Exec(ctx, string(text)); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				return nil
			}})
		}
	}
}

// Migrate runs migrate in the template: the place to call a migration library, with db.ConnString. It must close its
// connections. What a function does cannot be hashed: the template is named by the function and by name. That is enough,
// since no template outlives its server; but a function that does different things for different captured variables
// must get different names for them.
func Migrate(name string, migrate func(ctx context.Context, db *DB) error) Option {
	function := runtime.FuncForPC(reflect.ValueOf(migrate).Pointer()).Name()
	return func(o *options) {
		o.steps = append(o.steps, step{"func " + function + " " + name, func(ctx context.Context, db *DB) error {
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
