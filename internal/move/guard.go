package move

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// slotName is the name of the replication slot and of the publication. A slot belongs to the whole server: its name has the
// database's id.
func slotName(ctx context.Context, source *session) (string, error) {
	return source.one(ctx, "SELECT 'nself_move_' || oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()")
}

// refuse refuses changes of the schema, which logical replication does not carry. Temporary tables are their session's own, and
// a materialized view is refreshed at the target too.
const refuse = `CREATE FUNCTION ` + schema + `.refuse() RETURNS event_trigger LANGUAGE plpgsql SET search_path = '' AS $f$
DECLARE changed record;
BEGIN
	IF TG_EVENT = 'sql_drop' THEN
		SELECT object_type AS kind, object_identity AS name INTO changed FROM pg_catalog.pg_event_trigger_dropped_objects()
			WHERE NOT is_temporary AND original AND object_type NOT LIKE 'toast%' AND coalesce(schema_name, '') !~ '^pg_temp' LIMIT 1;
	ELSIF TG_TAG <> 'REFRESH MATERIALIZED VIEW' THEN
		SELECT object_type AS kind, object_identity AS name INTO changed FROM pg_catalog.pg_event_trigger_ddl_commands()
			WHERE coalesce(schema_name, '') !~ '^pg_temp' LIMIT 1;
	END IF;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = pg_catalog.format('%s is refused while the database is moved to another server', TG_TAG),
			DETAIL = pg_catalog.format('It changes the %s %s, and changes of the schema are not carried over.', changed.kind, changed.name),
			HINT = 'Do it when the move is done, or end the move: nself db move --abort.';
	END IF;
END $f$;
CREATE EVENT TRIGGER nself_move_ddl ON ddl_command_end EXECUTE FUNCTION ` + schema + `.refuse();
CREATE EVENT TRIGGER nself_move_drop ON sql_drop EXECUTE FUNCTION ` + schema + `.refuse();
`

// guard makes the event trigger and the publication. What an earlier attempt left is made anew.
func guard(ctx context.Context, source *session, slot string) error {
	if err := unguard(ctx, source, slot); err != nil {
		return err
	}
	tables, err := readTables(ctx, source)
	if err != nil {
		return err
	}
	var names []string
	for _, t := range tables {
		names = append(names, t.quoted())
	}
	publication := "CREATE PUBLICATION " + slot
	if len(names) > 0 {
		publication += " FOR TABLE ONLY " + strings.Join(names, ", ONLY ")
	}
	return source.script(ctx, "SET event_triggers = off; CREATE SCHEMA "+schema+";\n"+publication+";\n"+refuse)
}

// unguard removes them.
func unguard(ctx context.Context, source *session, slot string) error {
	return source.script(ctx, "SET client_min_messages = warning; SET event_triggers = off; DROP EVENT TRIGGER IF EXISTS nself_move_ddl; DROP EVENT TRIGGER IF EXISTS nself_move_drop;\n"+
		"DROP PUBLICATION IF EXISTS "+slot+"; DROP SCHEMA IF EXISTS "+schema+" CASCADE;")
}

// objectInUse and undefinedObject are SQLSTATEs of src/backend/utils/errcodes.txt.
const (
	objectInUse     = "55006"
	undefinedObject = "42704"
)

// slotWait is how long a server may take to notice that the reader of a slot is gone.
const slotWait = 20 * time.Second

// freeSlot ends whoever reads the slot: an earlier run of ours whose connection the server has not missed yet.
func freeSlot(ctx context.Context, source *session, slot string, then func() error) error {
	for end := time.Now().Add(slotWait); ; {
		_, err := source.query(ctx, "SELECT pg_catalog.pg_terminate_backend(active_pid) FROM pg_catalog.pg_replication_slots WHERE slot_name = $1::name AND active_pid IS NOT NULL", slot)
		if err == nil {
			err = then()
		}
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != objectInUse || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// dropSlot drops the slot if there is one.
func dropSlot(ctx context.Context, source *session, slot string) error {
	return freeSlot(ctx, source, slot, func() error {
		_, err := source.query(ctx, "SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots WHERE slot_name = $1::name", slot)
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == undefinedObject {
			return nil
		}
		return err
	})
}
