package migrate

import (
	"slices"
	"strings"
)

// statement is one SQL statement of a file.
type statement struct {
	text  string
	words []string // its keywords and names in lower case, without strings, comments and quoted names
	begin int      // offset of text in the file
}

// split cuts SQL at the semicolons that end statements, as psql does: not at those in strings, quoted names,
// dollar quotes, comments, parentheses or the body of a function that is written as BEGIN ATOMIC.
func split(sql string) (list []statement) {
	var (
		s      statement
		parens int
		blocks int // of BEGIN ATOMIC and CASE in it
	)
	flush := func(end int) {
		if text := sql[s.begin:end]; len(s.words) > 0 || strings.ContainsAny(text, "'\"") {
			s.text = text
			list = append(list, s)
		}
		s, parens, blocks = statement{begin: end}, 0, 0
	}
	for i := 0; i < len(sql); {
		n := skip(sql[i:])
		switch c := sql[i]; {
		case n > 0:
			i += n
			continue
		case isWord(c):
			n = 1
			for i+n < len(sql) && (isWord(sql[i+n]) || sql[i+n] == '$') {
				n++
			}
			word := strings.ToLower(sql[i : i+n])
			if word == "e" && i+n < len(sql) && sql[i+n] == '\'' {
				n += escapeString(sql[i+n:])
				break
			}
			if s.inFunction() {
				switch {
				case word == "begin", word == "case" && blocks > 0:
					blocks++
				case word == "end" && blocks > 0:
					blocks--
				}
			}
			s.words = append(s.words, word)
		default:
			n = 1
			switch c {
			case '(':
				parens++
			case ')':
				parens = max(0, parens-1)
			case ';':
				if parens == 0 && blocks == 0 {
					flush(i + 1)
				}
			}
		}
		i += n
	}
	flush(len(sql))
	return list
}

// inFunction reports whether the statement makes a function or procedure, whose body may be SQL itself.
func (s *statement) inFunction() bool {
	w := s.words
	if len(w) >= 3 && w[0] == "create" && w[1] == "or" && w[2] == "replace" {
		w = w[2:]
	} else if len(w) == 0 || w[0] != "create" {
		return false
	}
	return len(w) > 1 && (w[1] == "function" || w[1] == "procedure")
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// skip returns the length of the string, quoted name, dollar quote or comment that s begins with, else 0.
// One without an end goes to the end of s.
func skip(s string) int {
	switch {
	case strings.HasPrefix(s, "--"):
		return to(s, "\n", 2)
	case strings.HasPrefix(s, "/*"):
		return comment(s)
	case s[0] == '\'':
		return to(s, "'", 1)
	case s[0] == '"':
		return to(s, `"`, 1)
	case s[0] == '$':
		n := 1
		for n < len(s) && isWord(s[n]) {
			n++
		}
		if n < len(s) && s[n] == '$' && (n == 1 || s[1] > '9') {
			return to(s, s[:n+1], n+1)
		}
	}
	return 0
}

// to returns the length of s up to and with the next end after from.
func to(s, end string, from int) int {
	if i := strings.Index(s[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(s)
}

// comment returns the length of a comment, in which others may be.
func comment(s string) int {
	for depth, i := 0, 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(s[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// escapeString returns the length of a string in which a backslash takes away the next character's meaning.
func escapeString(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\'':
			return i + 1
		}
	}
	return len(s)
}

// outside says why a file cannot run in a transaction of ours; "" if it can.
func outside(list []statement) string {
	for _, s := range list {
		text := strings.Join(s.words, " ") + " "
		begins := func(with ...string) bool {
			return slices.ContainsFunc(with, func(w string) bool { return strings.HasPrefix(text, w+" ") })
		}
		switch {
		case begins("begin", "start transaction", "commit", "end", "rollback", "abort", "prepare transaction"):
			return "it has transactions of its own"
		case begins("create", "drop", "reindex", "refresh", "alter") && slices.Contains(s.words, "concurrently"):
			return "CONCURRENTLY"
		case begins("alter type") && strings.Contains(text, " add value "):
			return "ALTER TYPE ... ADD VALUE"
		case begins(
			"vacuum", "create database", "drop database", "create tablespace", "drop tablespace", "alter system",
			"reindex database", "reindex system", "create subscription", "drop subscription",
		):
			return strings.ToUpper(strings.Join(s.words[:min(2, len(s.words))], " "))
		}
	}
	return ""
}
