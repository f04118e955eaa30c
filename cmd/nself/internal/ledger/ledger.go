package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// ledgerSchema has the ledgers.
const ledgerSchema = "nself_ops"

// lockKey is the advisory lock that one run at a time holds: the bytes of "nself".
const lockKey = 0x6e73656c66

// entry is a file that was applied.
type entry struct {
	Version string
	Name    string
	SHA256  string
	Applied time.Time
}

func (k Kind) ledger() string { return ledgerSchema + "." + k.table }

// ledgerSQL makes the ledger; it changes nothing if it is there.
func (k Kind) ledgerSQL() string {
	return `CREATE SCHEMA IF NOT EXISTS ` + ledgerSchema + `;
CREATE TABLE IF NOT EXISTS ` + k.ledger() + ` (
	version text PRIMARY KEY,
	name text NOT NULL,
	sha256 text NOT NULL,
	applied_at timestamptz NOT NULL DEFAULT now()
)`
}

// entries reads the ledger, by the time of application; none if there is no ledger.
func (k Kind) entries(ctx context.Context, c *pgx.Conn) ([]entry, error) {
	var there bool
	if err := c.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", k.ledger()).Scan(&there); err != nil || !there {
		return nil, err
	}
	rows, err := c.Query(ctx, "SELECT version, name, sha256, applied_at FROM "+k.ledger()+" ORDER BY applied_at, version")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[entry])
}

func (k Kind) enter(ctx context.Context, c *pgx.Conn, f File) error {
	_, err := c.Exec(ctx, "INSERT INTO "+k.ledger()+" (version, name, sha256) VALUES ($1, $2, $3) ON CONFLICT (version) DO UPDATE SET name = $2, sha256 = $3, applied_at = now()", f.Version, f.Name, f.SHA256)
	return err
}

func (k Kind) strike(ctx context.Context, c *pgx.Conn, version string) error {
	_, err := c.Exec(ctx, "DELETE FROM "+k.ledger()+" WHERE version = $1", version)
	return err
}

// lock lets one run at a time change the database, until the function it returns is called.
func (k Kind) lock(ctx context.Context, c *pgx.Conn) (func(), error) {
	if _, err := c.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(lockKey)); err != nil {
		return nil, err
	}
	return func() {
		_, _ = c.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(lockKey)) // or with the connection's end
	}, nil
}
