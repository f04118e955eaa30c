package cluster

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"
)

// What PostgreSQL calls its files of settings (CONFIG_FILENAME in guc.c, PG_AUTOCONF_FILENAME in guc.h).
const (
	confName     = "postgresql.conf"
	autoConfName = "postgresql.auto.conf"
	hbaName      = "pg_hba.conf"
	identName    = "pg_ident.conf"
)

// confLine is a line of a file of settings: name, optional equals sign, value, as guc-file.l reads them.
var confLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\s*)([A-Za-z_][A-Za-z0-9_$.]*)(\s*=\s*|\s+)('(?:[^'\\]|\\.|'')*'|[^\s#'=]+)(.*)$`)
})

// setting is a name and its value, with neither quotes nor escapes.
type setting struct{ name, value string }

// parseLine returns the setting that a line makes. ok is false for comments, empty lines and what guc-file.l refuses.
func parseLine(line string) (s setting, ok bool) {
	m := confLine().FindStringSubmatch(line)
	if m == nil {
		return s, false
	}
	return setting{strings.ToLower(m[2]), unquoteValue(m[4])}, true
}

// unquoteValue undoes what DeescapeQuotedString in guc-file.l undoes, but for octal numbers, which no name of a file or
// a limit needs.
func unquoteValue(s string) string {
	if len(s) < 2 || s[0] != '\'' {
		return s
	}
	s = s[1 : len(s)-1]
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if (s[i] == '\\' || s[i] == '\'') && i+1 < len(s) {
			i++
			if r, ok := map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}[s[i]]; ok && s[i-1] == '\\' {
				b.WriteByte(r)
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// quoteValue makes a value's text in a file of settings.
func quoteValue(s string) string {
	return "'" + strings.NewReplacer("\\", `\\`, "'", "''", "\n", `\n`, "\r", `\r`).Replace(s) + "'"
}

func (s setting) String() string { return fmt.Sprintf("%s = %s", s.name, quoteValue(s.value)) }

// include returns what a line includes: the clean absolute name of a file or directory. at is the file of the line
// (AbsoluteConfigLocation in conffiles.c).
func (s setting) include(at string) (name string, dir, ok bool) {
	switch s.name {
	case "include", "include_if_exists":
	case "include_dir":
		dir = true
	default:
		return "", false, false
	}
	if path.IsAbs(s.value) {
		return path.Clean(s.value), dir, true
	}
	return path.Join(path.Dir(at), s.value), dir, true
}
