package move

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pglogrepl"
)

// relation is a table of the stream, and the SQL of changes to it.
type relation struct {
	id      uint32
	name    string // quoted, with its schema
	columns []pglogrepl.RelationMessageColumn
	names   []string // of the columns, quoted
	full    bool     // its rows are found by all of their columns
}

// Values of pg_class.relreplident and of flags, in "Logical Replication Message Formats" of PostgreSQL's manual.
const (
	identityFull = 'f'
	partOfKey    = 1
)

func newRelation(m *pglogrepl.RelationMessage) *relation {
	r := &relation{id: m.RelationID, name: identifier(m.Namespace) + "." + identifier(m.RelationName), full: m.ReplicaIdentity == identityFull}
	for _, c := range m.Columns {
		r.columns, r.names = append(r.columns, *c), append(r.names, identifier(c.Name))
	}
	return r
}

// statement is one change, as SQL. Those with a name have the same text each time.
type statement struct {
	name   string
	sql    string
	values [][]byte
	rows   int64 // how many it must change; -1: any number
}

// arguments collects values while SQL is written.
type arguments [][]byte

// add returns the parameter that stands for a value.
func (a *arguments) add(c *pglogrepl.TupleDataColumn) string {
	var value []byte // NULL
	if c.DataType != pglogrepl.TupleDataTypeNull {
		value = c.Data
	}
	*a = append(*a, value)
	return "$" + strconv.Itoa(len(*a))
}

func (r *relation) insert(row *pglogrepl.TupleData) statement {
	var marks []string
	var args arguments
	for i := range r.columns {
		marks = append(marks, args.add(row.Columns[i]))
	}
	sql := "INSERT INTO " + r.name + " DEFAULT VALUES"
	if marks != nil {
		sql = "INSERT INTO " + r.name + " (" + strings.Join(r.names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
	}
	return statement{fmt.Sprintf("insert %d", r.id), sql, args, 1}
}

// update sets the columns that the new row has: large values that have not changed are not sent. old is nil where the key has not
// changed.
func (r *relation) update(old, row *pglogrepl.TupleData) statement {
	var sets []string
	var args arguments
	sent := make([]byte, len(r.columns))
	for i := range r.columns {
		if sent[i] = '-'; row.Columns[i].DataType != pglogrepl.TupleDataTypeToast {
			sent[i] = '+'
			sets = append(sets, r.names[i]+" = "+args.add(row.Columns[i]))
		}
	}
	if old == nil {
		old = row
	}
	where, name := r.where(old, &args), fmt.Sprintf("update %d %s", r.id, sent)
	if r.full {
		name = ""
	}
	return statement{name, "UPDATE ONLY " + r.name + " SET " + strings.Join(sets, ", ") + where, args, 1}
}

func (r *relation) delete(old *pglogrepl.TupleData) statement {
	var args arguments
	name := fmt.Sprintf("delete %d", r.id)
	if r.full {
		name = ""
	}
	return statement{name, "DELETE FROM ONLY " + r.name + r.where(old, &args), args, 1}
}

// where finds the row that was: by its key, or by the text of all its columns, as not every type knows what is equal. Of rows that
// are the same in all of them it finds one.
func (r *relation) where(old *pglogrepl.TupleData, args *arguments) string {
	var all []string
	for i, c := range r.columns {
		switch name := r.names[i]; {
		case c.Flags&partOfKey == 0:
		case !r.full:
			all = append(all, name+" = "+args.add(old.Columns[i]))
		case old.Columns[i].DataType == pglogrepl.TupleDataTypeNull:
			all = append(all, name+" IS NOT DISTINCT FROM NULL")
		default: // concat writes a value as it is sent; a cast to text may not
			all = append(all, "("+name+" IS DISTINCT FROM NULL AND pg_catalog.concat("+name+") = "+args.add(old.Columns[i])+"::text)")
		}
	}
	condition := " WHERE " + strings.Join(all, " AND ")
	if r.full {
		return " WHERE ctid = (SELECT ctid FROM ONLY " + r.name + condition + " LIMIT 1)"
	}
	return condition
}

// truncate empties tables together, as they refer to each other.
func truncate(tables []*relation, restart bool) statement {
	var names []string
	for _, t := range tables {
		names = append(names, "ONLY "+t.name)
	}
	sql := "TRUNCATE " + strings.Join(names, ", ")
	if restart {
		sql += " RESTART IDENTITY"
	}
	return statement{sql: sql, rows: -1}
}
