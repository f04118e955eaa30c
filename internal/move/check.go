package move

import (
	"context"
	"fmt"
	"strings"
)

// Status is how bad a finding is.
type Status string

// The statuses, as nself doctor has them.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failure Status = "failure" // the move does not begin
)

// Finding is what was found of one thing that a move needs.
type Finding struct {
	Check  string
	Status Status
	Detail string
	Hint   string // what to do about it; may be empty
}

// oldest is the oldest major version of a target.
const oldest = 14

// checker collects findings.
type checker struct {
	source, target *session
	o              Options
	all            []Finding
}

// Check looks for all that is in the way of a move, and changes nothing.
func Check(ctx context.Context, o Options) ([]Finding, error) {
	source, err := o.Source.open(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer source.close()
	c := &checker{source: source, o: o}
	for _, one := range []func(context.Context) error{c.checkLog, c.checkTables, c.checkObjects, c.checkTarget} {
		if err := one(ctx); err != nil {
			c.target.close()
			return nil, err
		}
	}
	c.target.close()
	return c.all, nil
}

func (c *checker) add(check string, status Status, detail, hint string) {
	c.all = append(c.all, Finding{check, status, detail, hint})
}

// none adds a finding of the names that a query returns, which must be none.
func (c *checker) none(ctx context.Context, check string, status Status, what, hint, sql string) error {
	names, err := c.source.column(ctx, sql)
	switch {
	case err != nil:
		return err
	case len(names) > 0:
		c.add(check, status, what+": "+few(names), hint)
	default:
		c.add(check, OK, "", "")
	}
	return nil
}

// few shortens a list of names.
func few(names []string) string {
	const shown = 10
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

// checkLog: the source must write what logical replication reads.
func (c *checker) checkLog(ctx context.Context) error {
	rows, err := c.source.query(ctx, `SELECT pg_catalog.current_setting('wal_level'),
		pg_catalog.current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_catalog.pg_replication_slots)::int,
		pg_catalog.current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_catalog.pg_stat_replication)::int`)
	if err != nil {
		return err
	}
	level, slots, senders := rows[0][0], rows[0][1], rows[0][2]
	if level == "logical" {
		c.add(CheckWALLevel, OK, "", "")
	} else {
		c.add(CheckWALLevel, Failure, "the server's wal_level is "+level+", and following its changes needs logical", "set wal_level to logical and restart the server: nself db move offers it, Config.Settings has it")
	}
	if slots < "1" || senders < "1" {
		c.add("replication slots", Failure, fmt.Sprintf("%s replication slots and %s walsenders are free, and one of each is needed", slots, senders), "drop a slot that nobody reads, or raise max_replication_slots and max_wal_senders")
	} else {
		c.add("replication slots", OK, "", "")
	}
	return c.none(ctx, "prepared transactions", Failure, "they hold a move up", "end each by COMMIT PREPARED or ROLLBACK PREPARED",
		"SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()")
}

// CheckWALLevel is the check that a restart with another setting satisfies.
const CheckWALLevel = "wal_level"

// checkTables: changes of every table must come through, and find their rows.
func (c *checker) checkTables(ctx context.Context) error {
	const table = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)" + fromTables + "WHERE " + isOurs
	if err := c.none(ctx, "replica identity", Failure, "tables have no primary key, so changes of their rows cannot be followed", "give each a primary key, or ALTER TABLE ... REPLICA IDENTITY FULL",
		table+` AND c.relpersistence = 'p' AND (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid))`); err != nil {
		return err
	}
	if err := c.none(ctx, "unlogged tables", Failure, "changes of unlogged tables are in no log", "ALTER TABLE ... SET LOGGED, or drop them", table+" AND c.relpersistence = 'u'"); err != nil {
		return err
	}
	return c.none(ctx, "triggers", Failure, "triggers that fire ALWAYS or on a REPLICA would fire once more at the target", "ALTER TABLE ... ENABLE TRIGGER, which fires it at the source alone",
		`SELECT pg_catalog.format('%I on %I.%I', t.tgname, n.nspname, c.relname)`+fromTables+`JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid WHERE `+isOurs+` AND t.tgenabled IN ('A', 'R') AND NOT t.tgisinternal`)
}

// checkObjects looks at what else does not travel.
func (c *checker) checkObjects(ctx context.Context) error {
	if err := c.none(ctx, "subscriptions", Warning, "they are not moved", "make them at the target when it is done",
		"SELECT subname FROM pg_catalog.pg_subscription WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"); err != nil {
		return err
	}
	size, err := c.source.one(ctx, "SELECT coalesce(pg_catalog.pg_size_pretty(count(*) * 2048), '') FROM pg_catalog.pg_largeobject HAVING count(*) > 100 * 512")
	if err != nil {
		return err
	}
	if size != "" {
		c.add("large objects", Warning, "they take "+size+", and are compared while nobody can write", "expect a longer pause: about a second for 200 MB")
	} else {
		c.add("large objects", OK, "", "")
	}
	return nil
}
