package project

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// Set gives variables values in the .env of dir, which must be there: the line that sets one is replaced, or one is added. An
// empty value takes the variable out. Nothing else changes, or else nothing is written.
func Set(dir string, vars map[string]string) error {
	path := filepath.Join(dir, ".env")
	bad := func(err error) error {
		return &fault.Error{Op: "write", Path: path, Err: err, Hint: "set " + strings.Join(slices.Sorted(maps.Keys(vars)), " and ") + " there by hand"}
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return bad(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		return bad(err)
	}
	before, err := readFile(path, ".env", os.LookupEnv)
	if err != nil {
		return err
	}
	text := strings.TrimRight(string(old), "\n") + "\n"
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		line := ""
		if value := vars[name]; value != "" {
			quoted, err := quote(value)
			if err != nil {
				return bad(err)
			}
			line = name + "=" + quoted + "\n"
		}
		text = setLine(text, name, line, before[name] != "")
	}
	next, err := os.CreateTemp(dir, ".env.new-") // mode 0600
	if err != nil {
		return bad(err)
	}
	defer os.Remove(next.Name())
	_, err = next.WriteString(text)
	if err = errors.Join(err, next.Close()); err != nil {
		return bad(err)
	}
	after, err := readFile(next.Name(), ".env", os.LookupEnv)
	if err != nil {
		return bad(err)
	}
	want := maps.Clone(before)
	for name, value := range vars {
		if delete(want, name); value != "" {
			want[name] = value
		}
	}
	if !maps.Equal(after, want) {
		return bad(errors.New("it is written in a way that nself cannot change safely"))
	}
	if err := hostdir.Replace(path, []byte(text), st.Mode().Perm()); err != nil {
		return bad(err)
	}
	return nil
}

// setLine replaces the last line that sets a variable, if it is set, or adds one.
func setLine(text, name, line string, isSet bool) string {
	if !isSet {
		return text + line
	}
	lines := regexp.MustCompile(fmt.Sprintf(`(?m)^[ \t]*(export[ \t]+)?%s[ \t]*[=:].*\n`, name)).FindAllStringIndex(text, -1)
	if len(lines) == 0 {
		return text + line
	}
	last := lines[len(lines)-1]
	return text[:last[0]] + line + text[last[1]:]
}
