package migrate

import (
	"errors"
	"slices"
	"strings"
)

// statement is one SQL statement of a file. Offsets are bytes.
type statement struct {
	begin int      // where it begins, with the comments before it
	first int      // its first word
	end   int      // after its semicolon
	words []string // its keywords and names in lower case, without strings, comments and quoted names
	ended bool     // by a semicolon
	copy  bool     // it is COPY ... FROM STDIN, and
	data  region   // this is what is copied
}

// badText is what cannot be split.
type badText struct {
	at   int // offset
	err  error
	hint string
}

// ErrPsql is in the error for a file with commands that only psql has.
var ErrPsql = errors.New("a command of psql, and not SQL")

// splitter reads statements one after the other.
type splitter struct {
	sql  string
	at   int
	list []statement

	statement     // that is being read
	parens    int // open ones
	blocks    int // of BEGIN ATOMIC and CASE in it
}

// split cuts SQL at the semicolons that end statements, as psql does: not at those in strings, quoted names, dollar quotes,
// comments, parentheses or the body of a function that is written as BEGIN ATOMIC. It leaves out the lines \restrict and
// \unrestrict, between which pg_dump writes a dump, and takes the data of COPY ... FROM STDIN from the lines that follow.
func split(sql string) ([]statement, *badText) {
	s := &splitter{sql: sql}
	s.next(0)
	for s.at < len(sql) {
		if bad := s.step(); bad != nil {
			return nil, bad
		}
	}
	s.flush(len(sql))
	return s.list, nil
}

// next begins a statement.
func (s *splitter) next(begin int) {
	s.statement, s.parens, s.blocks = statement{begin: begin, first: -1}, 0, 0
}

// flush ends the statement, if there is one.
func (s *splitter) flush(end int) {
	if s.first >= 0 && !(s.ended && strings.TrimSpace(s.sql[s.first:end]) == ";") {
		s.end = end
		s.list = append(s.list, s.statement)
	}
	s.next(end)
}

// step reads one word, string, comment or sign.
func (s *splitter) step() *badText {
	rest := s.sql[s.at:]
	c := rest[0]
	if c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' {
		s.at++
		return nil
	}
	n := skip(rest)
	if n > 0 && (c == '-' || c == '/') { // a comment
		s.at += n
		return nil
	}
	if c == '\\' {
		return s.psql(rest)
	}
	if s.first < 0 {
		s.first = s.at
	}
	switch {
	case n > 0:
	case isWord(c):
		n = s.word(rest)
	case strings.HasPrefix(rest, "{{"):
		return &badText{s.at, errors.New("a template, as those of tern, is not filled in"), "have the tool apply it, or write what the template stands for"}
	default:
		n = 1
		switch c {
		case '(':
			s.parens++
		case ')':
			s.parens = max(0, s.parens-1)
		case ';':
			if s.parens == 0 && s.blocks == 0 {
				s.at++
				s.ended = true
				return s.semicolon()
			}
		}
	}
	s.at += n
	return nil
}

// word reads a word and returns its length.
func (s *splitter) word(rest string) int {
	n := 1
	for n < len(rest) && (isWord(rest[n]) || rest[n] == '$') {
		n++
	}
	word := strings.ToLower(rest[:n])
	if word == "e" && n < len(rest) && rest[n] == '\'' {
		return n + escapeString(rest[n:])
	}
	if s.inFunction() {
		switch {
		case word == "begin", word == "case" && s.blocks > 0:
			s.blocks++
		case word == "end" && s.blocks > 0:
			s.blocks--
		}
	}
	s.words = append(s.words, word)
	return n
}

// semicolon ends a statement, and reads the data of a COPY.
func (s *splitter) semicolon() *badText {
	if !s.copies() {
		s.flush(s.at)
		return nil
	}
	end := s.at
	line := strings.IndexByte(s.sql[end:], '\n')
	if line < 0 || strings.TrimSpace(s.sql[end:end+line]) != "" {
		return &badText{s.first, errors.New("COPY ... FROM STDIN is not followed by its data"), "write the data on the lines below it, and a line \\. after them"}
	}
	begin := end + line + 1
	for at := begin; at < len(s.sql); {
		n := len(s.sql) - at
		if i := strings.IndexByte(s.sql[at:], '\n'); i >= 0 {
			n = i + 1
		}
		if strings.TrimRight(s.sql[at:at+n], "\r\n") == `\.` {
			s.copy, s.data = true, region{begin: begin, end: at}
			s.flush(end)
			s.at = at + n
			s.begin = s.at
			return nil
		}
		at += n
	}
	return &badText{s.first, errors.New("the data of COPY ... FROM STDIN have no end"), "write a line \\. after them"}
}

// copies reports whether the statement reads data from the client.
func (s *splitter) copies() bool {
	i := slices.Index(s.words, "stdin")
	return len(s.words) > 0 && s.words[0] == "copy" && i > 0 && s.words[i-1] == "from"
}

// psql leaves out a line that only psql understands and that changes nothing, and refuses any other.
func (s *splitter) psql(rest string) *badText {
	line, _, _ := strings.Cut(rest, "\n")
	command, _, _ := strings.Cut(strings.TrimRight(line, "\r"), " ")
	if s.first >= 0 || command != `\restrict` && command != `\unrestrict` {
		return &badText{s.at, &psqlError{command}, "run the file with psql, or write it without " + command}
	}
	s.at = min(len(s.sql), s.at+len(line)+1)
	s.begin = s.at
	return nil
}

// psqlError names the command.
type psqlError struct{ command string }

func (e *psqlError) Error() string { return e.command + " is " + ErrPsql.Error() }
func (e *psqlError) Unwrap() error { return ErrPsql }

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
