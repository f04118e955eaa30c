package main

import (
	"fmt"
	"strings"
)

// samples are values of the types, as literals, many of them at the edges. Other types are made from them: arrays, ranges and what
// extensions bring.
var samples = map[string][]string{
	"bool":           {"true", "false"},
	"int2":           {"0", "1", "-1", "7", "32767", "-32768", "100"},
	"int4":           {"0", "1", "-1", "2", "3", "5", "10", "42", "100", "-7", "1000", "65536", "2147483647", "-2147483648"},
	"int8":           {"0", "1", "-1", "3", "12", "1000000007", "4294967296", "9223372036854775807", "-9223372036854775808"},
	"float4":         {"0", "-0", "1.5", "-2.25", "3.4e38", "1e-40", "NaN", "Infinity", "-Infinity", "0.1"},
	"float8":         {"0", "-0", "1", "0.5", "-1.5", "3.141592653589793", "1e300", "1e-300", "NaN", "Infinity", "-Infinity", "123456789.123", "-0.7"},
	"numeric":        {"0", "1", "-1", "0.5", "3.14159265358979323846", "-123.456", "1e100", "1e-20", "NaN", "Infinity", "-Infinity", "99999999999999999999", "2"},
	"text":           {"", "a", "abc", "Hello, World", "äöü ß", "日本語", "a b c", "x1y22z", "%_\\\\", "O''Neill", "  pad ", "10", "2024-02-29", "aAbB", "🙂", "the quick brown foxes"},
	"varchar":        {"", "abc", "Straße", "zz"},
	"bpchar":         {"", "abc  ", "x"},
	"name":           {"abc", "", "pg_class"},
	"char":           {"a", "", "\\\\377"},
	"bytea":          {"", "\\x00", "\\xdeadbeef", "\\x6162630a", "\\xff00ff00ff"},
	"date":           {"2024-02-29", "1970-01-01", "infinity", "-infinity", "4713-01-01 BC", "9999-12-31", "2000-01-01", "1999-12-31"},
	"time":           {"00:00", "23:59:59.999999", "24:00", "12:34:56.789"},
	"timetz":         {"00:00+00", "23:59:59.999999-12", "12:34:56+05:30"},
	"timestamp":      {"2024-02-29 12:34:56.789", "1970-01-01", "infinity", "-infinity", "4713-01-01 BC", "2000-12-31 23:59:59.999999"},
	"timestamptz":    {"2024-03-31 01:30:00+00", "1970-01-01+00", "infinity", "-infinity", "2024-10-27 01:30:00+02", "1900-01-01 00:00+00"},
	"interval":       {"0", "1 day", "-1 mon 3 days", "1 year 2 mons 3 days 04:05:06.789", "infinity", "-infinity", "36:00:00", "100 years"},
	"uuid":           {"00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "01890a5d-ac96-774b-bcce-b302099a8057"},
	"inet":           {"192.168.1.5/24", "::1", "10.0.0.0/8", "2001:db8::/32", "255.255.255.255"},
	"cidr":           {"192.168.1.0/24", "10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"},
	"macaddr":        {"08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"},
	"macaddr8":       {"08:00:2b:01:02:03:04:05", "00:00:00:00:00:00:00:00"},
	"bit":            {"1", "0"},
	"varbit":         {"", "1", "10101", "000000001111"},
	"json":           {"null", "1", "\"a\"", "[1, 2, {\"a\": null}]", "{\"a\": 1, \"b\": [true, \"x\"], \"a\": 2}", "{}"},
	"jsonb":          {"null", "1.50", "\"a\"", "[1, 2, {\"a\": null}]", "{\"a\": 1, \"b\": [true, \"x\"], \"c\": {\"d\": \"2024-01-01\"}}", "{}", "[]"},
	"jsonpath":       {"$", "$.a", "$[*]", "$.b[*] ? (@ == \"x\")", "strict $.c.d.datetime()", "$.** ? (@ > 1)"},
	"xml":            {"<a/>", "<a b=\"1\">x<c/></a>", "text"},
	"money":          {"0", "12.34", "-1000.5"},
	"oid":            {"0", "1", "16384", "4294967295"},
	"point":          {"(0,0)", "(1,2)", "(-1.5,3e10)", "(NaN,1)"},
	"lseg":           {"[(0,0),(1,1)]", "[(0,1),(1,0)]", "[(0,0),(0,0)]"},
	"box":            {"(1,1),(0,0)", "(3,4),(-1,-2)", "(0,0),(0,0)"},
	"path":           {"[(0,0),(1,1),(2,0)]", "((0,0),(1,1),(2,0))"},
	"polygon":        {"((0,0),(1,1),(2,0))", "((0,0),(0,3),(3,3),(3,0))"},
	"line":           {"{1,-1,0}", "{0,1,-2}", "{1,0,5}"},
	"circle":         {"<(0,0),1>", "<(1,2),0>", "<(3,3),5.5>"},
	"tsvector":       {"", "a:1 fat:2,4 cat:3A", "'the' 'quick'"},
	"tsquery":        {"", "fat & cat", "!a | b:*", "quick <-> fox"},
	"pg_lsn":         {"0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"},
	"xid8":           {"0", "3", "18446744073709551615"},
	"tid":            {"(0,1)", "(4294967295,65535)"},
	"int4range":      {"empty", "[1,10)", "(,5]", "[3,)", "(,)"},
	"int8range":      {"empty", "[1,10)"},
	"numrange":       {"empty", "[1.5,10.5]", "(,)"},
	"daterange":      {"empty", "[2024-01-01,2024-02-01)", "(,infinity)"},
	"tsrange":        {"[2024-01-01,2024-02-01)", "empty"},
	"tstzrange":      {"[2024-01-01 00:00+00,2024-02-01 00:00+00)", "empty"},
	"int4multirange": {"{}", "{[1,3),[5,9)}", "{(,)}"},
	"nummultirange":  {"{}", "{[1,3),[5.5,9)}"},
	"datemultirange": {"{}", "{[2024-01-01,2024-02-01)}"},
	"int2vector":     {"", "1 2 3"},
	"_int4":          {"{}", "{1,2,3}", "{3,1,NULL,2}", "{{1,2},{3,4}}", "[0:2]={5,6,7}"},
	"_int8":          {"{}", "{1,9223372036854775807}"},
	"_int2":          {"{1,2}"},
	"_text":          {"{}", "{a,b,NULL}", "{\"x y\",\"\",z}", "{{a,b},{c,d}}"},
	"_float8":        {"{}", "{1,2.5,NaN}"},
	"_numeric":       {"{}", "{1,2.50,-3}"},
	"_bool":          {"{t,f,NULL}"},
	"_date":          {"{2024-02-29,infinity}"},
	"_jsonb":         {"{}"},
	"_bytea":         {"{}"},
	// Of extensions.
	"hstore":    {"", "a=>1, b=>NULL", "\"x y\"=>\"2\""},
	"ltree":     {"", "Top.Science.Astronomy", "a.b.c.d"},
	"lquery":    {"*.Science.*", "a.*{1,2}.d"},
	"ltxtquery": {"Science & Astronomy"},
	"cube":      {"(1,2,3)", "(0,0),(1,1)", "(1)"},
	"seg":       {"1.5 .. 3", "5", "~7"},
	"citext":    {"", "ABC", "abc", "Ärger"},
	"isbn":      {"978-0-393-04002-9"},
	"ean13":     {"978-0-393-04002-9"},
	"_varchar":  {"{a,b}"},
	"query_int": {"1&2", "1|(2&!3)"},
}

// polymorphic are types that stand for any; a call uses one of these for all of them.
var polymorphic = []map[string]string{
	{"anyelement": "int4", "anyarray": "_int4", "anynonarray": "int4", "anyrange": "int4range", "anymultirange": "int4multirange", "anycompatible": "int4", "anycompatiblearray": "_int4", "anycompatiblenonarray": "int4", "anycompatiblerange": "int4range", "anycompatiblemultirange": "int4multirange"},
	{"anyelement": "text", "anyarray": "_text", "anynonarray": "text", "anycompatible": "text", "anycompatiblearray": "_text", "anycompatiblenonarray": "text"},
	{"anyelement": "numeric", "anyarray": "_numeric", "anynonarray": "numeric", "anyrange": "numrange", "anymultirange": "nummultirange", "anycompatible": "numeric", "anycompatiblearray": "_numeric", "anycompatiblenonarray": "numeric", "anycompatiblerange": "numrange", "anycompatiblemultirange": "nummultirange"},
	{"anyelement": "date", "anyarray": "_date", "anynonarray": "date", "anyrange": "daterange", "anymultirange": "datemultirange", "anycompatible": "date", "anycompatiblearray": "_date", "anycompatiblenonarray": "date"},
}

// value returns a literal of a type; false: none is known.
func (g *generator) value(typ string) (string, bool) {
	list, ok := samples[typ]
	if !ok {
		return "", false
	}
	if g.rng.IntN(25) == 0 {
		return fmt.Sprintf("NULL::%s", quoteType(typ)), true
	}
	v := list[g.rng.IntN(len(list))]
	switch typ {
	case "int4", "int8":
		if g.rng.IntN(3) == 0 {
			v = fmt.Sprint(g.rng.IntN(200) - 50)
		}
	case "text", "varchar", "citext":
		if g.rng.IntN(4) == 0 {
			v += list[g.rng.IntN(len(list))]
		}
	case "numeric", "float8":
		if g.rng.IntN(3) == 0 {
			v = fmt.Sprintf("%.*f", g.rng.IntN(6), g.rng.NormFloat64()*100)
		}
	}
	return fmt.Sprintf("E'%s'::%s", strings.ReplaceAll(v, `\x`, `\\x`), quoteType(typ)), true
}

func quoteType(typ string) string {
	if element, ok := strings.CutPrefix(typ, "_"); ok {
		return quoteType(element) + "[]"
	}
	if typ == "char" || typ == "bit" {
		return `"` + typ + `"`
	}
	return typ
}
