package project

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"nself.org/embeddedpg/internal/fault"
)

// lookup finds a variable's value.
type lookup func(name string) (string, bool)

// readFile reads one .env file in Docker Compose's syntax: NAME=value a line, # comments, quotes, and $NAME or
// ${NAME:-default} outside single quotes. A file that does not exist is nil. No message shows a value: it may be a
// secret.
func readFile(path, shown string, vars lookup) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &fault.Error{Op: "read", Path: shown, Err: err, Hint: "it must be a file that this user can read"}
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(b), "\ufeff"), "\r\n", "\n")
	names, line, err := checkSyntax(text)
	if err != nil {
		return nil, malformed(shown, line, err)
	}
	if line, err := checkReferences(text, names, vars); err != nil {
		return nil, &fault.Error{Op: "read", Path: fmt.Sprintf("%s:%d", shown, line), Err: err, Hint: dollarHint}
	}
	values, err := dotenv.UnmarshalWithLookup(text, dotenv.LookupFn(vars))
	if err != nil { // its message would show the value
		return nil, &fault.Error{Op: "read", Path: shown, Err: errors.New("a $ is followed by what is no variable"), Hint: dollarHint}
	}
	return values, nil
}

const dollarHint = "put the value in single quotes if it is meant to contain a $"

func malformed(shown string, line int, err error) error {
	return &fault.Error{Op: "read", Path: fmt.Sprintf("%s:%d", shown, line), Err: err, Hint: "each line is NAME=value, or a comment that begins with #"}
}

var validName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })

// checkSyntax finds what the library lets pass or reports with the value in the message: lines that are no
// assignment, and text behind a closing quote. It returns the names that are set, each with the first line that
// does, or the line of an error.
func checkSyntax(text string) (names map[string]int, line int, err error) {
	names = map[string]int{}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		if line == "" || line[0] == '#' {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "export"); ok && strings.TrimLeft(rest, " \t") != rest {
			line = strings.TrimLeft(rest, " \t")
		}
		at := strings.IndexAny(line, "=:")
		if at < 0 {
			return nil, i + 1, errors.New("there is no = in the line")
		}
		name := strings.TrimRight(line[:at], " \t")
		if !validName().MatchString(name) {
			return nil, i + 1, errors.New("what stands before the = is no name of a variable")
		}
		if _, ok := names[name]; !ok {
			names[name] = i + 1
		}
		value := strings.TrimLeft(line[at+1:], " \t")
		if value == "" || value[0] != '"' && value[0] != '\'' {
			continue
		}
		first := i
		for {
			end := closingQuote(value)
			if end >= 0 {
				if rest := strings.TrimSpace(value[end+1:]); rest != "" && rest[0] != '#' {
					return nil, i + 1, errors.New("something follows the closing quote")
				}
				break
			}
			if i++; i == len(lines) {
				return nil, first + 1, errors.New("the quote is not closed")
			}
			value += "\n" + lines[i]
		}
	}
	return names, 0, nil
}

// closingQuote returns where the quote is closed that the value begins with, or -1.
func closingQuote(value string) int {
	for i := 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case value[0]:
			return i
		}
	}
	return -1
}

var (
	literal = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?s)(^|[=:])[ \t]*'(\\.|[^'\\])*'|(?m:^[ \t]*#.*$)| #.*`)
	})
	reference = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\\\$|\$\$|\$([A-Za-z_][A-Za-z0-9_]*)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)
	})
)

// checkReferences finds variables that are used, without a default, and set nowhere: mostly a password with a $ in it.
func checkReferences(text string, names map[string]int, vars lookup) (int, error) {
	blank := literal().ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) })
	for _, m := range reference().FindAllStringSubmatchIndex(blank, -1) {
		name := ""
		for _, group := range []int{2, 4} {
			if m[group] >= 0 {
				name = blank[m[group]:m[group+1]]
			}
		}
		if name == "" {
			continue
		}
		line := 1 + strings.Count(blank[:m[0]], "\n")
		if set, ok := names[name]; ok && set < line {
			continue
		}
		if _, ok := vars(name); !ok {
			return line, errors.New("it uses a variable that is not set before")
		}
	}
	return 0, nil
}

// environment makes a map of NAME=value entries; of a name that is there twice the last counts.
func environment(environ []string) map[string]string {
	vars := make(map[string]string, len(environ))
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok {
			vars[name] = value
		}
	}
	return vars
}

// quote writes a value so that Docker Compose and this package read it back unchanged.
func quote(value string) (string, error) {
	if strings.ContainsAny(value, "\x00\r\n") {
		return "", errors.New("the value contains a line break or a zero byte")
	}
	candidates := []string{"'" + value + "'", `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(value) + `"`}
	if plain().MatchString(value) {
		candidates = slices.Insert(candidates, 0, value)
	}
	for _, c := range candidates {
		if _, _, err := checkSyntax("A=" + c); err != nil {
			continue
		}
		if got, err := dotenv.UnmarshalWithLookup("A="+c+"\n", nil); err == nil && len(got) == 1 && got["A"] == value {
			return c, nil
		}
	}
	return "", errors.New("the value cannot be written into an environment file")
}

var plain = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=-]+$`) })

// WriteEnv returns the text of an environment file with these variables, sorted by name.
func WriteEnv(vars map[string]string) ([]byte, error) {
	var names []string
	for name := range vars {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		value, err := quote(vars[name])
		if err != nil {
			return nil, &fault.Error{Op: "use the value of", Path: name, Err: err, Hint: "use letters and digits"}
		}
		fmt.Fprintf(&b, "%s=%s\n", name, value)
	}
	return []byte(b.String()), nil
}
