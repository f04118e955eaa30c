package schemadiff

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

const dump = `--
-- PostgreSQL database dump
--

\restrict x7

SET statement_timeout = 0;

--
-- Name: t; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.t (
    a text DEFAULT '
-- Name: no; Type: HEADING; Schema: public; Owner: -
'::text
);


SET default_tablespace = '';

--
-- Name: TABLE t; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.t IS 'a; Type: b';


--
-- Name: s; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA s;


--
-- PostgreSQL database dump complete
--

\unrestrict x7
`

func TestObjects(t *testing.T) {
	got := objects(dump)
	want := []object{
		{"TABLE", "public", "t", "CREATE TABLE public.t (\n    a text DEFAULT '\n-- Name: no; Type: HEADING; Schema: public; Owner: -\n'::text\n);"},
		{"COMMENT", "public", "TABLE t", "COMMENT ON TABLE public.t IS 'a; Type: b';"},
		{"SCHEMA", "-", "s", "CREATE SCHEMA s;"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	if got[0].title() != "TABLE public.t" || got[2].title() != "SCHEMA s" {
		t.Error(got[0].title(), got[2].title())
	}
	if s := script(dump); strings.Contains(s, "restrict") || !strings.Contains(s, "CREATE SCHEMA s;") {
		t.Error(s)
	}
}

func TestCompare(t *testing.T) {
	o := func(name, sql string) object { return object{"TABLE", "public", name, sql} }
	have := []object{o("same", "1"), o("other", "1"), o("old", "1"), o("twice", "1"), o("twice", "2")}
	want := []object{o("new", "1"), o("same", "1"), o("other", "2"), o("twice", "1"), o("twice", "3")}
	if got := compare(have, want); !reflect.DeepEqual(got, []Left{
		{"TABLE public.new", "", "1"}, {"TABLE public.other", "1", "2"}, {"TABLE public.twice", "1\n2", "1\n3"}, {"TABLE public.old", "1", ""},
	}) {
		t.Errorf("%+v", got)
	}
	if got := compare(want, want); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

// TestWrite: what is not a step is a comment in every line.
func TestWrite(t *testing.T) {
	var b strings.Builder
	m := Migration{
		Steps:  []Step{{"CREATE TABLE t ();", []string{"DANGER: two\nlines"}}},
		Failed: []Failed{{"DROP TYPE a;\nDROP TYPE b;", errors.New("no")}},
		Left:   []Left{{"TYPE a", "1\n2", "3\n4"}, {"TYPE b", "", "5\n6"}, {"TYPE c", "7", ""}},
	}
	if err := m.Write(&b, "a", "b"); err != nil {
		t.Fatal(err)
	}
	var statements []string
	for line := range strings.Lines(b.String()) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			statements = append(statements, line)
		}
	}
	if len(statements) != 1 || statements[0] != m.Steps[0].SQL {
		t.Errorf("%q of\n%s", statements, &b)
	}
	for _, want := range []string{"two", "DROP TYPE b;", "TYPE a differs", "TYPE b is to be made", "6", "TYPE c is to be dropped"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	b.Reset()
	if err := (Migration{}).Write(&b, "a", "b"); err != nil || !strings.Contains(b.String(), "do not differ") {
		t.Error(b.String(), err)
	}
}
