package crash

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg/tests/crash/node"
)

// verify starts a server on the tree that a power failure has left, and compares what it holds with the model.
func (c *Case) verify(dir string) error {
	n, err := node.Start(dir, recovery(), nil)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	err = c.compare(n)
	if err == nil && c.Thorough {
		// What recovery has made good must be on the disk too.
		if err := n.Stop(); err != nil {
			return fmt.Errorf("shut down: %w", err)
		}
		if n, err = node.Start(dir, recovery(), nil); err != nil {
			return fmt.Errorf("start once more: %w", err)
		}
		if err = c.compare(n); err != nil {
			err = fmt.Errorf("after one more start: %w", err)
		}
	}
	n.Crash()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, n.Log.Tail(15))
	}
	return nil
}

// recovery is the settings of the server that recovers: nothing happens in it but what the check does.
func recovery() map[string]string {
	return map[string]string{"autovacuum": "off", "max_prepared_transactions": "20", "shared_buffers": "4MB", "max_connections": "20"}
}

func (c *Case) compare(n *node.Node) error {
	ctx, cancel := context.WithTimeout(context.Background(), node.Limit)
	defer cancel()
	conn, err := n.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	prepared, err := column[string](ctx, conn, "SELECT gid FROM pg_prepared_xacts")
	if err != nil {
		return err
	}
	counter := 0
	found := make([]int, len(c.Model.Clients))
	for client, steps := range c.Model.Clients {
		done, err := c.finish(ctx, conn, client, steps, &prepared)
		if err != nil {
			return fmt.Errorf("client %d: %w", client, err)
		}
		found[client] = done
		got, err := readState(ctx, conn, client)
		if err != nil {
			return fmt.Errorf("client %d: %w", client, err)
		}
		if d := stateAfter(steps, done).differs(got); d != "" {
			return fmt.Errorf("client %d, after its transaction %d: %s", client, done, d)
		}
		for _, s := range steps[:done] {
			counter += s.Counts
		}
	}
	if len(prepared) > 0 {
		return fmt.Errorf("prepared transactions that nobody made: %q", prepared)
	}
	counted, err := column[int](ctx, conn, "SELECT n FROM counter")
	if err != nil {
		return err
	}
	if len(counted) != 1 || counted[0] != counter {
		return fmt.Errorf("the counter is %d, want %d", counted, counter)
	}
	if err := c.compareDatabases(ctx, n, conn); err != nil {
		return err
	}
	if c.Thorough {
		if err := lookAtEveryPage(ctx, conn); err != nil {
			return err
		}
	}
	c.found = found
	return n.Log.Damaged()
}

// finish says how many of a client's transactions are committed, after it has committed the one that is prepared.
// It is an error if that is not what the client was told.
func (c *Case) finish(ctx context.Context, conn *pgx.Conn, client int, steps []*Step, prepared *[]string) (int, error) {
	surely, possibly := known(steps, c.Told)
	if c.found != nil {
		surely, possibly = c.found[client], c.found[client]
	} else if surely < len(steps) && steps[surely].TwoPhase {
		s, name, found := steps[surely], gid(client, surely+1), false
		for i, g := range *prepared {
			if g == name {
				*prepared = append((*prepared)[:i], (*prepared)[i+1:]...)
				found = true
				break
			}
		}
		switch {
		case found && s.PrepareBegun >= c.Told:
			return 0, fmt.Errorf("%q is prepared before it was asked for", name)
		case found:
			if _, err := conn.Exec(ctx, "COMMIT PREPARED '"+name+"'"); err != nil {
				return 0, err
			}
			surely, possibly = surely+1, surely+1
		case s.PrepareEnd >= 0 && s.PrepareEnd <= c.Told:
			surely = possibly // was prepared, and is not: so it must be committed
			if s.Begun >= c.Told {
				return 0, fmt.Errorf("%q was prepared and is gone", name)
			}
		}
	}
	seq, err := column[int](ctx, conn, "SELECT seq FROM progress WHERE client = $1", client)
	if err != nil {
		return 0, err
	}
	if len(seq) != 1 || seq[0] < surely || seq[0] > possibly {
		return 0, fmt.Errorf("transactions up to %d are committed, want %d to %d", seq, surely, possibly)
	}
	return seq[0], nil
}

// readState reads all rows of a client.
func readState(ctx context.Context, conn *pgx.Conn, client int) (State, error) {
	tables, err := column[string](ctx, conn, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE $1 OR relname = 'never'", fmt.Sprintf(`own\_%d\_%%`, client))
	if err != nil {
		return nil, err
	}
	s := State{"notes": nil}
	for _, table := range tables {
		s[table] = nil
	}
	for table := range s {
		where := ""
		if table == "notes" {
			where = fmt.Sprintf(" WHERE client = %d", client)
		}
		rows, err := conn.Query(ctx, "SELECT id, "+rowValueSQL+" FROM "+table+where)
		if err != nil {
			return nil, err
		}
		s[table] = map[int]string{}
		var id int
		var value string
		if _, err := pgx.ForEachRow(rows, []any{&id, &value}, func() error {
			if _, twice := s[table][id]; twice {
				return fmt.Errorf("row %d is there twice", id)
			}
			s[table][id] = value
			return nil
		}); err != nil {
			return nil, fmt.Errorf("%s: %w", table, err)
		}
	}
	return s, nil
}

// compareDatabases checks that databases are there, and can be connected to, as the model has it.
func (c *Case) compareDatabases(ctx context.Context, n *node.Node, conn *pgx.Conn) error {
	// A connection limit of -2 marks one whose removal was begun (DATCONNLIMIT_INVALID_DB).
	names, err := column[string](ctx, conn, "SELECT datname || CASE datconnlimit WHEN -2 THEN ' half removed' ELSE '' END FROM pg_database WHERE datname LIKE 'db%'")
	if err != nil {
		return err
	}
	at := func(position int) bool { return position > 0 && position <= c.Told }
	there := " " + strings.Join(names, " ") + " "
	for _, d := range c.Model.Databases {
		has := strings.Contains(there, " "+d.Name+" ")
		switch {
		case has && (d.CreateBegun >= c.Told || at(d.Dropped)):
			return fmt.Errorf("database %s should not be there", d.Name)
		case !has && at(d.Created) && (d.DropBegun == 0 || d.DropBegun >= c.Told):
			return fmt.Errorf("database %s is missing", d.Name)
		}
		if !has || strings.Contains(there, d.Name+" half removed") {
			continue
		}
		other, err := n.Connect(ctx, d.Name)
		if err != nil {
			return err
		}
		_, err = other.Exec(ctx, "SELECT count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid")
		other.Close(ctx)
		if err != nil {
			return fmt.Errorf("database %s: %w", d.Name, err)
		}
	}
	return nil
}

// lookAtEveryPage runs amcheck over everything.
func lookAtEveryPage(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `
		SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
			WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relpersistence = 'p';
		SELECT gin_index_check(c.oid) FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.relkind = 'i' AND a.amname = 'gin'`); err != nil {
		return fmt.Errorf("amcheck: %w", err)
	}
	damage, err := column[string](ctx, conn, `SELECT c.relname || ', block ' || coalesce(v.blkno, -1) || ': ' || v.msg
		FROM pg_class c, verify_heapam(c.oid) v WHERE c.relkind IN ('r', 't', 'm') AND c.relpersistence = 'p'`)
	if err == nil && len(damage) > 0 {
		err = errors.New(strings.Join(damage, "; "))
	}
	if err != nil {
		return fmt.Errorf("verify_heapam: %w", err)
	}
	return nil
}

// column returns the one column of a query.
func column[T any](ctx context.Context, conn *pgx.Conn, sql string, args ...any) ([]T, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}
