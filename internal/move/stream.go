package move

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// stream reads a replication slot.
type stream struct {
	reader *session
	in     chan arrival
}

// arrival is one message of the walsender: a part of the log, or a keepalive.
type arrival struct {
	message   pglogrepl.Message // nil: a keepalive
	keepalive pglogrepl.PrimaryKeepaliveMessage
	bytes     int
}

// inFlight is how many messages are read ahead.
const inFlight = 1024

// openStream begins to read where the target has come to.
func openStream(ctx context.Context, m *mover, from pglogrepl.LSN) (*stream, error) {
	reader, err := m.o.Source.open(ctx, replicating)
	if err != nil {
		return nil, err
	}
	err = freeSlot(ctx, m.source, m.slot, func() error {
		return pglogrepl.StartReplication(ctx, reader.PgConn, m.slot, from, pglogrepl.StartReplicationOptions{
			PluginArgs: []string{"proto_version '1'", "publication_names '" + m.slot + "'", "messages 'true'"},
		})
	})
	if err != nil {
		reader.close()
		return nil, err
	}
	return &stream{reader, make(chan arrival, inFlight)}, nil
}

// read passes on what comes until ctx ends, or the connection.
func (s *stream) read(ctx context.Context) error {
	defer close(s.in)
	for {
		raw, err := s.reader.ReceiveMessage(ctx)
		if err != nil {
			return err
		}
		var a arrival
		switch m := raw.(type) {
		case *pgproto3.ErrorResponse:
			return pgconn.ErrorResponseToPgError(m)
		case *pgproto3.CopyData:
			if a, err = parse(m.Data); err != nil {
				return err
			}
		case *pgproto3.CopyDone:
			return errors.New("the source has ended the replication")
		default:
			continue
		}
		select {
		case s.in <- a:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// parse reads a message, and keeps nothing of data, which is only lent.
func parse(data []byte) (a arrival, err error) {
	if len(data) == 0 {
		return a, errors.New("the source sent an empty message")
	}
	a.bytes = len(data)
	switch data[0] {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		a.keepalive, err = pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
	case pglogrepl.XLogDataByteID:
		var wal pglogrepl.XLogData
		if wal, err = pglogrepl.ParseXLogData(data[1:]); err == nil {
			a.message, err = pglogrepl.Parse(slices.Clone(wal.WALData))
		}
	default:
		err = fmt.Errorf("the source sent a message of the unknown kind %q", data[0])
	}
	return a, err
}

// confirm tells the source that it need not keep its log before lsn for us. It may run beside read.
func (s *stream) confirm(ctx context.Context, lsn pglogrepl.LSN) error {
	return pglogrepl.SendStandbyStatusUpdate(ctx, s.reader.PgConn, pglogrepl.StandbyStatusUpdate{WALWritePosition: lsn})
}

func (s *stream) close() { s.reader.close() }
