package studio

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// sink takes what a statement gives.
type sink interface {
	columns([]ResultColumn)
	row([][]byte) error
}

// portal runs one statement by the extended protocol, which takes no second one in the same text, and asks for no more rows
// than are wanted: the server stops there, and does not send a million to be thrown away. A statement that changes
// data is carried out whole all the same (PORTAL_ONE_RETURNING in PostgreSQL's src/backend/tcop/pquery.c).
// Sequence and messages: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY. When ctx ends,
// the statement is canceled and the connection closed.
func portal(ctx context.Context, c *pgconn.PgConn, sql string, r *result) error {
	most := uint32(0)
	if r.limit > 0 {
		most = uint32(r.limit) + 1
	}
	return exchange(ctx, c, sql, most, r, func(tag string) { r.tag = tag })
}

// patience is how long a canceled statement may take to end.
const patience = 5 * time.Second

// exchange sends a statement and passes its rows to a sink; most of them, 0: all.
func exchange(ctx context.Context, c *pgconn.PgConn, sql string, most uint32, to sink, done func(tag string)) error {
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		_ = c.Conn().SetDeadline(time.Now().Add(patience)) // whatever the server does with the request
		_ = c.CancelRequest(end)
	})
	defer stop()
	f := c.Frontend()
	f.Send(&pgproto3.Parse{Query: sql})
	f.Send(&pgproto3.Bind{})
	f.Send(&pgproto3.Describe{ObjectType: 'P'})
	f.Send(&pgproto3.Execute{MaxRows: most})
	f.Send(&pgproto3.Sync{})
	if err := f.Flush(); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	var failed error
	for {
		m, err := c.ReceiveMessage(context.WithoutCancel(ctx)) // the canceled statement's end is waited for
		if err != nil {
			return errors.Join(ctx.Err(), failed, err)
		}
		switch m := m.(type) {
		case *pgproto3.RowDescription:
			to.columns(resultColumns(m))
		case *pgproto3.DataRow:
			if failed == nil {
				failed = to.row(m.Values)
			}
		case *pgproto3.CommandComplete:
			done(string(m.CommandTag))
		case *pgproto3.CopyInResponse:
			failed = errCopy("FROM STDIN")
			f.Send(&pgproto3.CopyFail{Message: "not possible here"})
			f.Send(&pgproto3.Sync{})
			if err := f.Flush(); err != nil {
				return err
			}
		case *pgproto3.CopyOutResponse:
			failed = errCopy("TO STDOUT")
		case *pgproto3.ErrorResponse:
			if failed == nil {
				failed = pgconn.ErrorResponseToPgError(m)
			}
		case *pgproto3.ReadyForQuery:
			return errors.Join(failed)
		}
	}
}

// types are the names of PostgreSQL's own types.
var types = sync.OnceValue(pgtype.NewMap)

func resultColumns(m *pgproto3.RowDescription) []ResultColumn {
	columns := make([]ResultColumn, len(m.Fields))
	for i, f := range m.Fields {
		columns[i] = ResultColumn{Name: string(f.Name), Type: "type " + strconv.FormatUint(uint64(f.DataTypeOID), 10)}
		if t, ok := types().TypeForOID(f.DataTypeOID); ok {
			columns[i].Type = t.Name
		}
	}
	return columns
}
