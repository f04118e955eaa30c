package ledger

import (
	"bytes"
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// session is a connection of pgx for package migrate.
type session struct{ conn *pgconn.PgConn }

func (s session) Exec(ctx context.Context, sql string) (done int, err error) {
	r := s.conn.Exec(ctx, sql)
	for r.NextResult() {
		if _, err := r.ResultReader().Close(); err == nil {
			done++
		}
	}
	return done, r.Close()
}

func (s session) Copy(ctx context.Context, sql string, data []byte) error {
	_, err := s.conn.CopyFrom(ctx, bytes.NewReader(data), sql)
	return err
}

func (s session) InTransaction() bool { return s.conn.TxStatus() != 'I' }

func (s session) Explain(err error) (code string, position int) {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return "", 0
	}
	return pe.Code, int(pe.Position)
}
