package schemadiff

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/stripe/pg-schema-diff/pkg/diff"
)

// Migration is what makes one schema the other.
type Migration struct {
	Steps  []Step
	Failed []Failed // what was planned and did not work on the copy
	Left   []Left   // differences that the steps leave
}

// Failed is a statement that is no step, because of its error.
type Failed struct {
	SQL string
	Err error
}

// Step is a statement, or several that belong together.
type Step struct {
	SQL     string
	Hazards []string // what it may cost or lose
}

// Left is an object that is still different after all steps.
type Left struct {
	Title string // its kind and name
	Have  string // its definition after the steps; "" if it is not there
	Want  string // its definition in the schema that is wanted; "" if it is not there
}

// Copies are the two schemas in databases of their own.
type Copies struct {
	From     *pgx.Conn // a session in the copy of the present schema
	FromDB   *sql.DB   // the same database
	WantedDB *sql.DB
	Wanted   string                                // the wanted schema's dump
	Dump     func(context.Context) (string, error) // dumps the present one's copy
}

// Fill makes an empty database's schema that of a dump. The session's search_path, which the dump empties, is the default again
// then: plans name what is in public without its schema.
func Fill(ctx context.Context, c *pgx.Conn, dump string) error {
	return apply(ctx, c, script(dump)+"\nRESET ALL;\n")
}

func apply(ctx context.Context, c *pgx.Conn, sql string) error {
	_, err := c.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

// first are the kinds whose new objects come before the plan, because tables are made of them.
var first = []string{"SCHEMA", "EXTENSION", "COLLATION", "TYPE", "SHELL TYPE", "DOMAIN"}

// New finds the migration, and applies it to the copy on its way.
func New(ctx context.Context, c Copies) (Migration, error) {
	var m Migration
	wanted := objects(c.Wanted)
	present, err := c.present(ctx)
	if err != nil {
		return m, err
	}
	m.add(ctx, c, missing(wanted, present, func(o object) bool { return slices.Contains(first, o.Kind) }))
	if err := m.plan(ctx, c); err != nil {
		return m, err
	}
	if present, err = c.present(ctx); err != nil {
		return m, err
	}
	// What the plan leaves out and is only missing, and comments, which replace each other.
	m.add(ctx, c, missing(wanted, present, func(object) bool { return true }))
	m.add(ctx, c, slices.DeleteFunc(slices.Clone(wanted), func(o object) bool { return o.Kind != "COMMENT" || slices.Contains(present, o) }))
	if present, err = c.present(ctx); err != nil {
		return m, err
	}
	m.Left = compare(present, wanted)
	return m, nil
}

func (c Copies) present(ctx context.Context) ([]object, error) {
	dump, err := c.Dump(ctx)
	return objects(dump), err
}

// plan adds the statements of the library, those that can be applied.
func (m *Migration) plan(ctx context.Context, c Copies) error {
	plan, err := diff.Generate(ctx, diff.DBSchemaSource(c.FromDB), diff.DBSchemaSource(c.WantedDB),
		diff.WithDoNotValidatePlan(), diff.WithNoConcurrentIndexOps())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		m.Failed = append(m.Failed, Failed{"", fmt.Errorf("plan the migration: %w", err)})
	}
	for _, s := range plan.Statements {
		step := Step{SQL: strings.TrimRight(s.DDL, "; \n") + ";"}
		for _, h := range s.Hazards {
			step.Hazards = append(step.Hazards, h.Type+": "+h.Message)
		}
		if err := apply(ctx, c.From, step.SQL); err != nil {
			m.Failed = append(m.Failed, Failed{step.SQL, err})
			continue
		}
		m.Steps = append(m.Steps, step)
	}
	return ctx.Err()
}

// add adds objects as pg_dump writes them, if they can be made so. One that cannot be made is left.
func (m *Migration) add(ctx context.Context, c Copies, list []object) {
	for _, o := range list {
		if m.has(o.SQL) {
			continue
		}
		if apply(ctx, c.From, o.SQL) == nil {
			m.Steps = append(m.Steps, Step{SQL: o.SQL})
		}
	}
}

func (m *Migration) has(sql string) bool {
	return slices.ContainsFunc(m.Steps, func(s Step) bool { return s.SQL == sql })
}

// missing are the objects of one list that the other has none of that name and kind of.
func missing(wanted, present []object, of func(object) bool) (list []object) {
	for _, o := range wanted {
		if of(o) && !slices.ContainsFunc(present, func(p object) bool { return p.key() == o.key() }) {
			list = append(list, o)
		}
	}
	return list
}

// compare returns what is different in two lists, in the order of their dumps. Several objects may have one heading.
func compare(have, want []object) (list []Left) {
	group := func(objects []object) (texts map[string]string, order []object) {
		texts = map[string]string{}
		for _, o := range objects {
			if _, there := texts[o.key()]; !there {
				order = append(order, o)
			}
			texts[o.key()] += o.SQL + "\n"
		}
		return texts, order
	}
	present, there := group(have)
	wanted, asked := group(want)
	for _, o := range asked {
		if text := wanted[o.key()]; text != present[o.key()] {
			list = append(list, Left{o.title(), strings.TrimSpace(present[o.key()]), strings.TrimSpace(text)})
		}
	}
	for _, o := range there {
		if _, ok := wanted[o.key()]; !ok {
			list = append(list, Left{Title: o.title(), Have: strings.TrimSpace(present[o.key()])})
		}
	}
	return list
}
