package main

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// known returns why the answers to a statement differ by rights; "": they do not.
func known(sql string, ours, native answer) string {
	switch {
	case strings.Contains(sql, "xslt_process"):
		return "built without libxslt (docs/limits.md)"
	case ours.state == "22P02" && strings.Contains(ours.message, "for type tid"):
		return "the guest's strtoul calls a number without digits an error (docs/limits.md)"
	case ours.state != "" && native.state != "" && strings.Contains(sql, " FROM "):
		return "two errors in one query: which comes first is the C compiler's choice, as the order of a call's arguments"
	case strings.HasPrefix(sql, "EXPLAIN") && slices.EqualFunc(ours.rows, native.rows, sameButAlias):
		return "two ways to join a table with itself that cost the same"
	case ours.state == "" && native.state == "" && slices.EqualFunc(ours.rows, native.rows, nearly):
		return "the last digits of transcendental functions: the C library's"
	}
	return ""
}

// alias is the name of a table in a plan.
var alias = regexp.MustCompile(`\br\d(_\d+)?\b`)

func sameButAlias(a, b string) bool {
	return alias.ReplaceAllString(a, "r") == alias.ReplaceAllString(b, "r")
}

var number = regexp.MustCompile(`-?\d+(\.\d+)?(e[-+]?\d+)?`)

// nearly reports whether two rows are the same but for the last of 15 digits of their numbers.
func nearly(a, b string) bool {
	x, y := number.FindAllString(a, -1), number.FindAllString(b, -1)
	if len(x) != len(y) || number.ReplaceAllString(a, "#") != number.ReplaceAllString(b, "#") {
		return false
	}
	for i := range x {
		p, err := strconv.ParseFloat(x[i], 64)
		q, err2 := strconv.ParseFloat(y[i], 64)
		if err != nil || err2 != nil || !strings.ContainsAny(x[i]+y[i], ".e") && x[i] != y[i] || math.Abs(p-q) > 1e-13*math.Abs(p) {
			return false
		}
	}
	return true
}
