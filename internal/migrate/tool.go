package migrate

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"

	"nself.org/embeddedpg/internal/fault"
)

// Tool is the program that a file was written for.
type Tool string

// The tools. A file of golang-migrate is plain SQL and is known by its name alone.
const (
	Plain         Tool = ""
	Goose         Tool = "goose"
	GolangMigrate Tool = "golang-migrate"
	Dbmate        Tool = "dbmate"
	SQLMigrate    Tool = "sql-migrate"
	Tern          Tool = "tern"
	Atlas         Tool = "atlas"
)

// noTransaction is the note by which a file of the tool asks to run without a transaction.
var noTransaction = map[Tool]string{
	Goose:      "-- +goose NO TRANSACTION",
	Dbmate:     "-- migrate:up transaction:false",
	SQLMigrate: "-- +migrate Up notransaction",
	Tern:       ternNoTransaction,
	Atlas:      "-- atlas:txmode none",
}

// note is a line that is a comment.
type note struct {
	text     string // without white space around it
	indented bool
	begin    int // offset of the line
	end      int // offset of the next line
	line     int // from 1
}

// notes returns the comment lines of a file: those of all tools begin with -- or #.
func notes(text string) []note {
	var list []note
	for begin, line := 0, 1; begin < len(text); line++ {
		end := len(text)
		if i := strings.IndexByte(text[begin:], '\n'); i >= 0 {
			end = begin + i + 1
		}
		raw := text[begin:end]
		if trimmed := strings.TrimSpace(raw); strings.HasPrefix(trimmed, "--") || strings.HasPrefix(trimmed, "#") {
			list = append(list, note{trimmed, raw[0] == ' ' || raw[0] == '\t', begin, end, line})
		}
		begin = end
	}
	return list
}

// mark is what a line of a tool's files looks like.
type mark[T any] struct {
	tool T
	mark *regexp.Regexp
}

// marks tell whose file it is. The first that matches a line decides.
var marks = sync.OnceValue(func() []mark[Tool] {
	return []mark[Tool]{
		{Goose, regexp.MustCompile(`(?i)^--\s*\+goose\b`)},
		{SQLMigrate, regexp.MustCompile(`^--\s*\+migrate\b`)},
		{Dbmate, regexp.MustCompile(`^--\s*migrate:`)},
		{Tern, regexp.MustCompile(`^` + ternSplit + `|^` + ternNoTransaction)},
		{Atlas, atlasDirective()},
	}
})

// foreign are the marks of tools whose files are refused.
var foreign = sync.OnceValue(func() []mark[string] {
	return []mark[string]{
		{"Liquibase", regexp.MustCompile(`(?i)^--\s*liquibase formatted sql`)},
		{"Micrate", regexp.MustCompile(`(?i)^--\s*\+micrate\b`)},
		{"Rambler", regexp.MustCompile(`(?i)^--\s*rambler (up|down)\b`)},
		{"node-pg-migrate", regexp.MustCompile(`(?i)^--\s*(up|down) migration$`)},
		{"Play Evolutions", regexp.MustCompile(`^(#|--)\s*(---\s*)?!(Ups|Downs)\b`)},
		{"MyBatis Migrations", regexp.MustCompile(`^--\s*//\s*@UNDO\b`)},
		{"an unknown tool", regexp.MustCompile(`(?i)^--\s*\+\w+\s+(up|down)\b`)},
	}
})

// flywayName is a name of Flyway's or refinery's: V1__name.sql, U1__name.sql, R__name.sql.
var flywayName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([VUB][0-9][0-9._]*|R)__.+\.sql$`) })

// toolOf finds out whose file it is.
func toolOf(name string, list []note) (Tool, error) {
	if flywayName().MatchString(path.Base(name)) {
		return Plain, refuse("Flyway or refinery", name, 0, "the name is one of theirs", "name it with its number first, like 001_name.sql, or have that tool apply it")
	}
	for _, n := range list {
		for _, m := range marks() {
			if m.mark.MatchString(n.text) {
				return m.tool, nil
			}
		}
		for _, m := range foreign() {
			if m.mark.MatchString(n.text) {
				return Plain, refuse(m.tool, name, n.line, "its files are not understood", "have that tool apply it")
			}
		}
	}
	switch {
	case strings.HasSuffix(name, ".up.sql"):
		return GolangMigrate, nil
	}
	return Plain, nil
}

// refuse is the error for a file of a tool that is not understood. line is 0 if it is about the whole file.
func refuse[T ~string](tool T, name string, line int, why, hint string) error {
	if line > 0 {
		name = fmt.Sprintf("%s:%d", name, line)
	}
	return &fault.Error{Op: "read", Path: name, Err: fmt.Errorf("a file of %s: %w", tool, errors.New(why)), Hint: hint}
}
