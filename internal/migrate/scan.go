package migrate

import "strings"

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
