package studio

import (
	"encoding/json"
	"net/http"
	"testing"
)

func val(s string) text { return &s }

func TestEdit(t *testing.T) {
	c := open(t, Config{}, `CREATE TABLE "e""d" (id int PRIMARY KEY, t text, j json, n numeric(5,2), at timestamptz, made int GENERATED ALWAYS AS (id * 2) STORED)`,
		`INSERT INTO "e""d" VALUES (1, 'one', '{"a": 1}', 1.5, '2026-01-02 03:04:05.678+00'), (2, NULL, NULL, NULL, NULL)`,
		"CREATE TABLE loose (a int)", "INSERT INTO loose VALUES (1)",
		"CREATE TABLE parent (id int PRIMARY KEY, v text)", "CREATE TABLE child () INHERITS (parent)", "INSERT INTO parent VALUES (1, 'x')", "INSERT INTO child VALUES (1, 'x')")
	at := place{Schema: "public", Name: `e"d`}
	var done none
	// Types without an operator =, NULL both ways, and a value with quotes.
	c.call("update", Change{place: at, Key: []text{val("1")}, Values: []Value{{"t", val("one"), val(`it's "one"`)}, {"j", val(`{"a": 1}`), nil}, {"n", val("1.50"), val("7")}, {"at", val("2026-01-02 03:04:05.678+00"), val("2027-01-01")}}}, &done)
	c.call("update", Change{place: at, Key: []text{val("2")}, Values: []Value{{"t", nil, val("")}}}, &done)
	if got := c.value(`SELECT string_agg(concat_ws('|', id, t, j, n, extract(year FROM at), made), ' ' ORDER BY id) FROM "e""d"`); got != `1|it's "one"|7.00|2027|2 2||4` {
		t.Error(got)
	}
	// Somebody else was quicker: nothing is changed, and the answer has what is there now.
	f := c.fails("update", Change{place: at, Key: []text{val("1")}, Values: []Value{{"n", val("7.00"), val("8")}, {"t", val("one"), val("mine")}}}, http.StatusConflict)
	b, _ := json.Marshal(f.Row)
	var now Row
	if err := json.Unmarshal(b, &now); err != nil || len(now.Values) != 6 || now.Values[1] != `it's "one"` {
		t.Error(string(b), err)
	}
	if got := c.value(`SELECT n FROM "e""d" WHERE id = 1`); got != "7.00" {
		t.Error("half of a change:", got)
	}
	c.fails("delete", Change{place: at, Key: []text{val("1")}, Values: []Value{{"t", val("one"), nil}}}, http.StatusConflict)
	c.fails("update", Change{place: at, Key: []text{val("99")}, Values: []Value{{"t", val("one"), nil}}}, http.StatusConflict)
	if f := c.fails("update", Change{place: at, Key: []text{val("1")}, Values: []Value{{"n", val("7.00"), val("many")}}}, http.StatusUnprocessableEntity); f.Code != "22P02" {
		t.Error(f)
	}
	c.fails("update", Change{place: at, Key: []text{val("1")}, Values: []Value{{`t" = 'x', "n`, val("7.00"), val("1")}}}, http.StatusNotFound)
	c.fails("update", Change{place: at, Key: []text{}, Values: []Value{{"t", val(`it's "one"`), nil}}}, http.StatusConflict)
	c.fails("update", Change{place: at, Key: []text{val("1")}}, http.StatusBadRequest)
	c.fails("update", Change{place: place{Schema: "public", Name: "loose"}, Key: []text{val("(0,1)")}, Values: []Value{{"a", val("1"), val("2")}}}, http.StatusConflict)
	c.fails("update", Change{place: place{Schema: "public", Name: "parent"}, Key: []text{val("1")}, Values: []Value{{"v", val("x"), val("y")}}}, http.StatusConflict)
	if got := c.value("SELECT string_agg(v, '') FROM parent"); got != "xx" {
		t.Error("both rows of a key were changed:", got)
	}
	c.call("delete", Change{place: at, Key: []text{val("1")}, Values: []Value{{"t", val(`it's "one"`), nil}, {"j", nil, nil}}}, &done)
	c.call("insert", Change{place: at, Values: []Value{{"id", nil, val("3")}, {"t", nil, val("new")}}}, &done)
	c.call("insert", Change{place: place{Schema: "public", Name: "loose"}}, &done)
	if f := c.fails("insert", Change{place: at, Values: []Value{{"id", nil, val("3")}}}, http.StatusUnprocessableEntity); f.Code != "23505" {
		t.Error(f)
	}
	if got := c.value(`SELECT string_agg(id || t, ' ' ORDER BY id) || ' ' || (SELECT count(*) FROM loose) FROM "e""d"`); got != "2 3new 2" {
		t.Error(got)
	}
	c.s.config.ReadOnly = true
	for _, f := range []string{"insert", "update", "delete"} {
		c.fails(f, Change{place: at, Key: []text{val("2")}, Values: []Value{{"t", val(""), val("x")}}}, http.StatusForbidden)
	}
}
