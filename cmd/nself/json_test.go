package main

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"nself.org/embeddedpg/internal/compose"
	"nself.org/embeddedpg/internal/migrate"
)

// TestJSONDocs: each command with --json, and each field that it prints, is in docs/json.md.
func TestJSONDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	section := func(command string) string {
		for part := range strings.SplitSeq(page, "\n## ") {
			heading, body, _ := strings.Cut(part, "\n")
			for name := range strings.SplitSeq(heading, ", ") {
				if command == name {
					return body
				}
			}
		}
		return ""
	}
	printed := map[string][]any{
		"nself status": {report{}}, "nself health": {healthReport{}}, "nself urls": {compose.URL{}}, "nself doctor": {finding{}},
		"nself version": {versions{}}, "nself build": {buildReport{}}, "nself db list": {listedDatabase{}}, "nself backup list": {listed{}},
		"nself db migrate": {migrate.Report{}, migrate.Step{}}, "nself db seed": {migrate.Report{}, migrate.Step{}},
	}
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Flags().Lookup("json") != nil && printed[c.CommandPath()] == nil && printed[c.Parent().CommandPath()] == nil {
			t.Errorf("%s has --json: add it to docs/json.md and to this test", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot())
	for command, values := range printed {
		body := section(command)
		if body == "" {
			t.Errorf("docs/json.md has no section %s", command)
			continue
		}
		for _, v := range values {
			for _, field := range jsonFields(reflect.TypeOf(v)) {
				if !strings.Contains(body, "`"+field+"`") {
					t.Errorf("%s: docs/json.md does not name %s", command, field)
				}
			}
		}
	}
}

// jsonFields are the names of a type's fields in JSON, those of what is within it too.
func jsonFields(t reflect.Type) (names []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
		if f.IsExported() {
			names = append(names, jsonFields(f.Type)...)
		}
	}
	return names
}
