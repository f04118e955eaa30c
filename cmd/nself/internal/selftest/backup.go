package selftest

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
)

var backupChecks = []check{
	{"backup", func(ctx context.Context, b *bench, _ *pgx.Conn) (string, error) {
		made, err := b.server.Backup(ctx, embeddedpg.BackupOptions{Dir: b.path("backups")})
		if err != nil {
			return "", err
		}
		seen, err := embeddedpg.VerifyBackup(ctx, made, embeddedpg.VerifyBackupOptions{})
		if err == nil && !seen.Compared {
			err = errors.New("its tables were not compared")
		}
		return fmt.Sprintf("a dump, restored and compared: %d tables, %d rows", seen.Tables, seen.Rows), err
	}},
	{"restore", func(ctx context.Context, b *bench, c *pgx.Conn) (string, error) {
		made, err := embeddedpg.FindBackup(ctx, b.path("backups"), "", "latest")
		if err != nil {
			return "", err
		}
		if err := run(ctx, c, "DROP TABLE copied"); err != nil {
			return "", err
		}
		if _, err := b.server.Restore(ctx, made, embeddedpg.RestoreOptions{}); err != nil {
			return "", err
		}
		after, err := b.connect(ctx)
		if err != nil {
			return "", err
		}
		defer after.Close(ctx)
		return "a table that was dropped is back", expect(ctx, after, rows, "SELECT count(*) FROM copied")
	}},
	{"base backup", checkBaseBackup},
	{"snapshot", func(ctx context.Context, b *bench, _ *pgx.Conn) (string, error) {
		if err := b.server.Snapshot(ctx, b.path("snapshot")); err != nil {
			return "", err
		}
		return "a server on its copy has the same rows", b.counted(ctx, embeddedpg.Config{CopyFrom: b.path("snapshot"), DataDir: b.path("copy")}, rows+1)
	}},
}

// checkBaseBackup makes one, writes more, and recovers to the end of the archived log.
func checkBaseBackup(ctx context.Context, b *bench, c *pgx.Conn) (string, error) {
	made, err := b.server.BaseBackup(ctx, embeddedpg.BackupOptions{Dir: b.path("backups")})
	if err != nil {
		return "", err
	}
	if err := run(ctx, c, "INSERT INTO copied VALUES (-1, 'after the backup')"); err != nil {
		return "", err
	}
	if err := b.stop(); err != nil { // which archives the rest of the log
		return "", err
	}
	if _, err := embeddedpg.RestoreBase(ctx, made, embeddedpg.RestoreBaseOptions{DataDir: b.path("recovered"), ArchiveDir: b.path("archive"), ToEnd: true}); err != nil {
		return "", err
	}
	return "recovered with what was written after it", b.counted(ctx, embeddedpg.Config{DataDir: b.path("recovered")}, rows+1)
}

// counted starts another server and counts the rows of a table.
func (b *bench) counted(ctx context.Context, config embeddedpg.Config, want int) (err error) {
	config.Password, config.ChildProcess = b.password, true
	config.Settings = b.config().Settings
	server, err := embeddedpg.Start(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	c, err := connectTo(ctx, server.ConnString(""))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	return expect(ctx, c, want, "SELECT count(*) FROM copied")
}
