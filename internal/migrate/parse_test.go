package migrate_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/migrate"
)

var update = flag.Bool("update", false, "write the golden files")

// show writes a script as the golden files have it.
func show(s migrate.Script) string {
	var b strings.Builder
	fmt.Fprintf(&b, "tool %q, down %v\n", s.Tool, s.HasDown)
	for i, direction := range [][]migrate.Part{s.Up, s.Down} {
		for _, p := range direction {
			fmt.Fprintf(&b, "==== %s, outside %q\n", []string{"up", "down"}[i], p.Outside)
			for _, block := range p.Blocks {
				fmt.Fprintf(&b, "---- line %d, statements %v\n%s\n", block.Line, block.Lines, strings.TrimSpace(block.SQL))
				if block.Copy {
					fmt.Fprintf(&b, "---- data\n%s", block.Data)
				}
			}
		}
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		golden := strings.TrimSuffix(file, ".sql") + ".golden"
		for _, ends := range []string{"\n", "\r\n"} {
			s, err := migrate.Parse(file, strings.ReplaceAll(string(text), "\n", ends))
			if err != nil {
				t.Error(err)
				continue
			}
			got := strings.ReplaceAll(show(s), "\r\n", "\n")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s with ends of lines %q is:\n%s", file, ends, got)
			}
		}
	}
}

// TestRefused has what is not understood: the error names the tool, or psql, and the line.
func TestRefused(t *testing.T) {
	for _, tt := range []struct{ name, text, tool, line string }{
		{"1.sql", "-- +goose Up\n-- +goose ENVSUB ON\nSELECT '$HOME';", "goose", ":2"},
		{"1.sql", "-- +goose Up\n-- +goose Sideways\n", "goose", ":2"},
		{"1.sql", "-- +goose Up\n  -- +goose Down\n", "goose", ":2"},
		{"1.sql", "SELECT 1;\n-- +goose Up\n", "goose", ":2"},
		{"1.sql", "-- +goose Up\nSELECT 1\n-- +goose Down\n", "goose", ":2"},
		{"1.sql", "-- +goose Up\n-- +goose StatementBegin\nSELECT 1\n", "goose", ":2"},
		{"1.sql", "-- +goose Up\n-- +goose StatementBegin\n-- +goose Down\n", "goose", ":3"},
		{"1.sql", "-- +goose Up\n-- +goose StatementEnd\n", "goose", ":2"},
		{"1.sql", "-- +goose Up\n-- +goose Up\n", "goose", ":2"},
		{"1.sql", "-- +goose Down\n", "goose", ":1"},
		{"1.sql", "-- +goose NO TRANSACTION\n", "goose", ""},
		{"1.sql", "-- +migrate Up maybe\n", "sql-migrate", ":1"},
		{"1.sql", "--+migrate Up\n", "sql-migrate", ":1"},
		{"1.sql", "-- +migrate Sideways\n", "sql-migrate", ":1"},
		{"1.sql", "SELECT 1;\n-- +migrate Up\n", "sql-migrate", ":2"},
		{"1.sql", "-- +migrate Down\nSELECT 1;\n", "sql-migrate", ""},
		{"1.sql", "-- +migrate Up\nSELECT 1\n", "sql-migrate", ":2"},
		{"1.sql", "-- +migrate Up\n-- +migrate StatementBegin\nSELECT 1\n", "sql-migrate", ":2"},
		{"1.sql", "-- migrate:up transaction:maybe\n", "dbmate", ":1"},
		{"1.sql", " -- migrate:up\n", "dbmate", ":1"},
		{"1.sql", "-- migrate:sideways\n", "dbmate", ":1"},
		{"1.sql", "-- migrate:down\n", "dbmate", ":1"},
		{"1.sql", "-- migrate:up\n-- migrate:down\n-- migrate:down\n", "dbmate", ":3"},
		{"1.sql", "SELECT 1;\n-- migrate:up\n", "dbmate", ":2"},
		{"1.sql", "{{ template \"x\" . }}\n---- create above / drop below ----\n", "tern", ":1"},
		{"1.sql", "CREATE TABLE {{.prefix}}_t ();", "tern", ":1"},
		{"1.sql", "-- atlas:delimiter \\n\\n\n", "atlas", ":1"},
		{"1.sql", "-- atlas:txtar\n\n-- checks.sql --\n", "atlas", ":1"},
		{"1.sql", "-- atlas:txmode none\nSELECT 1;\n", "atlas", ":1"},
		{"1.sql", "-- atlas:txmode some\n\nSELECT 1;\n", "atlas", ":1"},
		{"V1__first.sql", "SELECT 1;", "Flyway", ""},
		{"R__view.sql", "SELECT 1;", "refinery", ""},
		{"1.sql", "--liquibase formatted sql\n", "Liquibase", ":1"},
		{"1.sql", "-- Up Migration\n-- Down Migration\n", "node-pg-migrate", ":1"},
		{"1.sql", "-- rambler up\n", "Rambler", ":1"},
		{"1.sql", "# --- !Ups\n", "Play", ":1"},
		{"1.sql", "-- +micrate Up\n", "Micrate", ":1"},
		{"1.sql", "-- //@UNDO\n", "MyBatis", ":1"},
		{"1.sql", "-- +duck Up\n", "unknown tool", ":1"},
		{"1.sql", "SELECT 1;\n\\connect other\n", "psql", ":2"},
		{"1.sql", "SELECT 1 \\gexec\n", "psql", ":1"},
		{"1.sql", "\n\\copy t FROM 'f'\n", "psql", ":2"},
		{"1.sql", "\nCOPY t FROM stdin;\n1\n", "COPY", ":2"},
		{"1.sql", "COPY t FROM stdin;", "COPY", ":1"},
	} {
		_, err := migrate.Parse(tt.name, tt.text)
		var told *fault.Error
		if !errors.As(err, &told) {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if !strings.Contains(told.Err.Error(), tt.tool) || told.Path != tt.name+tt.line || told.Hint == "" {
			t.Errorf("%q: %v", tt.text, err)
		}
		if errors.Is(err, migrate.ErrPsql) != (tt.tool == "psql") {
			t.Errorf("%q: ErrPsql in %v", tt.text, err)
		}
	}
}

// FuzzParse: every block is of the file, and its statements' lines are the file's.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.sql")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := migrate.Parse("1.sql", text)
		if err != nil {
			return
		}
		lines := 1 + strings.Count(text, "\n")
		for _, p := range append(s.Up, s.Down...) {
			for _, b := range p.Blocks {
				if !strings.Contains(text, b.SQL) || len(b.Lines) == 0 || b.Line < 1 || b.Lines[len(b.Lines)-1] > lines {
					t.Errorf("%q has a block %+v", text, b)
				}
			}
		}
	})
}
