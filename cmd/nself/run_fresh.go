package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"maps"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/ledger"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/extensions/pack"
)

// freshSettings are those of a server that ends with its data: nothing on it has to survive a crash.
var freshSettings = map[string]string{"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

// fresh starts a server of the command's own within this program, with the project's names of user and database and the settings
// that .env asks for. release stops it and removes its data; if this program is killed, the next one removes them.
func (p *project) fresh(cmd *cobra.Command, progress *progress, migrate bool) (db database, release func() error, err error) {
	ctx := cmd.Context()
	o, err := p.options()
	if err != nil {
		return db, nil, err
	}
	paths, err := p.paths()
	if err != nil {
		return db, nil, err
	}
	settings := maps.Clone(freshSettings)
	maps.Copy(settings, o.Settings)
	password := rand.Text()
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{
		Superuser: o.User, Password: password, Database: o.Database, Port: o.Port, ServerModule: o.Module, Settings: settings, ExtensionDirs: paths.Extensions(),
		Extensions:    []fs.FS{pack.FS()},
		SessionMemory: o.SessionMemory, Outgoing: o.Outgoing, LocaleProvider: o.LocaleProvider, Locale: o.Locale,
		Progress: func(e embeddedpg.Progress) { progress.show(supervisor.Event{Stage: e.Stage, Elapsed: e.Elapsed}) },
	})
	progress.end()
	if err != nil {
		return db, nil, err
	}
	db = embedded(supervisor.State{SocketDir: server.SocketDir(), Port: o.Port, User: o.User, Database: o.Database}, password)
	if migrate {
		if err := p.migrateFresh(ctx, db); err != nil {
			return db, nil, errors.Join(err, server.Close())
		}
	}
	return db, server.Close, nil
}

// migrateFresh makes the project's schema in a new database.
func (p *project) migrateFresh(ctx context.Context, db database) error {
	if err := db.bootstrap(ctx, p.bootstrap()); err != nil {
		return err
	}
	c, err := db.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	kind := ledger.Migrations
	return kind.Up(ctx, c, kind.Dir("", ""), ledger.Options{LockTimeout: defaultLockTimeout, StatementTimeout: defaultStatementTimeout, Done: func(ledger.Report) {}})
}
