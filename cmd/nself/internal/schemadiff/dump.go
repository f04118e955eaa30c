package schemadiff

import (
	"regexp"
	"strings"
	"sync"
)

// object is a part of pg_dump's output with a heading of its own.
type object struct {
	Kind, Schema, Name string // as the heading has them: TABLE, public, t
	SQL                string
}

// key tells the object from others of the same dump.
func (o object) key() string { return o.Kind + "\x00" + o.Schema + "\x00" + o.Name }

// title names the object for people.
func (o object) title() string {
	if o.Schema == "-" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Schema + "." + o.Name
}

// heading is the comment above an object: _printTocEntry in src/bin/pg_dump/pg_backup_archiver.c.
var heading = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^--\n-- Name: (.*); Type: (.*); Schema: (.*); Owner: .*\n--\n\n`)
})

// objects splits a dump. What stands before the first heading sets up a session and is no object.
func objects(dump string) []object {
	var list []object
	at := heading().FindAllStringSubmatchIndex(dump, -1)
	for i, m := range at {
		end := len(dump)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		list = append(list, object{
			Name: dump[m[2]:m[3]], Kind: dump[m[4]:m[5]], Schema: dump[m[6]:m[7]], SQL: clean(dump[m[1]:end]),
		})
	}
	return list
}

// clean leaves the statements of an object: pg_dump sets the defaults of the session between objects, and closes with a comment.
func clean(text string) string {
	text, _, _ = strings.Cut(text, "\n--\n-- PostgreSQL database dump complete")
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if !strings.HasPrefix(line, "SET default_tablespace = ") && !strings.HasPrefix(line, "SET default_table_access_method = ") {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// script is a dump for a session that is not psql's: without the two commands of psql's own around it.
func script(dump string) string {
	var b strings.Builder
	for line := range strings.Lines(dump) {
		if !strings.HasPrefix(line, `\restrict `) && !strings.HasPrefix(line, `\unrestrict `) {
			b.WriteString(line)
		}
	}
	return b.String()
}
