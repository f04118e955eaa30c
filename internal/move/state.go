package move

import (
	"context"
	"errors"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
)

// schema is ours on both servers, while a move is under way.
const schema = "nself_move"

// phase is how far a move is, as the target has it.
type phase string

// The phases. Each begins in the transaction that ends the one before.
const (
	none      phase = ""          // nothing has been done
	copying   phase = "copying"   // the target has the schema of the tables; a copy of their rows that was broken off is begun again
	indexing  phase = "indexing"  // it has their rows as of lsn; indexes and constraints are missing
	following phase = "following" // changes are applied; those up to lsn have been
	moved     phase = "moved"     // it has everything, and the clients belong there
)

// createState makes the row of a new move.
const createState = `CREATE SCHEMA ` + schema + `;
CREATE TABLE ` + schema + `.state (source text NOT NULL, phase text NOT NULL, lsn pg_lsn NOT NULL, lock bool PRIMARY KEY DEFAULT true CHECK (lock));
`

// state is the row.
type state struct {
	source string // which database of which cluster
	phase  phase
	lsn    pglogrepl.LSN
}

// undefinedTable is an SQLSTATE of src/backend/utils/errcodes.txt.
const undefinedTable = "42P01"

// readState reads it from the target.
func readState(ctx context.Context, target *session) (state, error) {
	rows, err := target.query(ctx, "SELECT source, phase, lsn FROM "+schema+".state")
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == undefinedTable {
		return state{}, nil
	}
	if err != nil || len(rows) == 0 {
		return state{}, err
	}
	lsn, err := pglogrepl.ParseLSN(rows[0][2])
	return state{rows[0][0], phase(rows[0][1]), lsn}, err
}

// enter is the statement that begins a phase.
func enter(p phase) string {
	return "UPDATE " + schema + ".state SET phase = " + literal(string(p)) + ";\n"
}

// sourceName tells the source's database from all others.
func sourceName(ctx context.Context, source *session) (string, error) {
	return source.one(ctx, "SELECT system_identifier || '/' || pg_catalog.current_database() FROM pg_catalog.pg_control_system()")
}
