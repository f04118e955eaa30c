package studio

import (
	"net/http"
	"strings"
)

// comparisons are the filters that are operators in SQL.
var comparisons = map[string]bool{"=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true}

// likely takes their meaning away from the characters that LIKE knows.
var likely = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// condition is the filter in SQL; its value is a parameter.
func (f Filter) condition(q *statement) (string, error) {
	name := column(f.Column)
	switch {
	case comparisons[f.Op]:
		return name + " " + f.Op + " " + q.value(&f.Value), nil
	case f.Op == "contains":
		v := "%" + likely.Replace(f.Value) + "%"
		return name + "::text ILIKE " + q.value(&v), nil
	case f.Op == "null":
		return name + " IS NULL", nil
	case f.Op == "not null":
		return name + " IS NOT NULL", nil
	}
	return "", &wrong{failure{Message: "there is no filter " + f.Op}, http.StatusBadRequest}
}

func errNoColumn(name string) error {
	return &wrong{failure{Message: "there is no column " + name}, http.StatusNotFound}
}
