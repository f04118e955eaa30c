package migrate

import (
	"fmt"
	"path"
	"sort"
	"strings"

	"nself.org/embeddedpg/internal/fault"
)

// Script is what a file asks for.
type Script struct {
	Tool     Tool
	Up, Down []Part // in order; a file of plain SQL has no Down
	HasDown  bool   // the file says how it is undone, even if nothing is to be done

	checkpoint bool // atlas: it stands for all files before it
}

// Part is what runs in one transaction, or outside of any.
type Part struct {
	Outside string // why it runs without a transaction; "" if it runs in one
	Blocks  []Block
}

// Block is what goes to the server at once.
type Block struct {
	SQL   string
	Line  int    // of the file, on which SQL begins
	Lines []int  // of each statement's first word
	Copy  bool   // SQL is a COPY ... FROM STDIN, of
	Data  []byte // this
}

// file is one that is being read.
type file struct {
	name  string
	text  string
	notes []note
	tool  Tool
	ends  []int // offsets of the ends of lines, once line was called
}

// half collects what runs in one transaction.
type half struct {
	regions []region
	outside string
}

// region is a range of a file's bytes.
type region struct {
	begin, end int
	whole      bool // it goes to the server as it is, whatever semicolons are in it
}

// Parse reads a file. The name is for errors, and tells golang-migrate's files.
func Parse(name, text string) (Script, error) {
	f, err := open(name, text)
	if err != nil {
		return Script{}, err
	}
	return f.parse()
}

// open finds out whose file it is.
func open(name, text string) (f *file, err error) {
	text = strings.TrimPrefix(text, "\ufeff")
	f = &file{name: name, text: text, notes: notes(text)}
	f.tool, err = toolOf(name, f.notes)
	return f, err
}

// parse reads the file as one of its tool's.
func (f *file) parse() (Script, error) {
	var s Script
	var err error
	switch f.tool {
	case Goose:
		s, err = f.parseGoose()
	case SQLMigrate:
		s, err = f.parseSQLMigrate()
	case Dbmate:
		s, err = f.parseDbmate()
	case Tern:
		s, err = f.parseTern()
	case Atlas:
		s, err = f.parseAtlas()
	default:
		s, err = f.parsePlain()
	}
	s.Tool = f.tool
	return s, err
}

// parsePlain reads SQL. What PostgreSQL refuses in a transaction decides whether there is one.
func (f *file) parsePlain() (Script, error) {
	list, err := f.split(region{end: len(f.text)})
	if err != nil {
		return Script{}, err
	}
	p, err := f.part(half{[]region{{end: len(f.text)}}, outside(list)})
	return Script{Up: []Part{p}}, err
}

// part makes a Part of one half of a file.
func (f *file) part(h half) (Part, error) {
	p := Part{Outside: h.outside}
	for _, r := range h.regions {
		list, err := f.split(r)
		if err != nil {
			return p, err
		}
		if n := len(list); n > 0 && !list[n-1].ended && !r.whole && (f.tool == Goose || f.tool == SQLMigrate) {
			return p, refuse(f.tool, f.name, f.line(list[n-1].first), "the statement does not end with a semicolon", "write one")
		}
		p.Blocks = append(p.Blocks, f.blocks(list, h.outside != "" && !r.whole)...)
	}
	return p, nil
}

// blocks puts statements together that the server can be sent at once: all that stand side by side, or one each.
func (f *file) blocks(list []statement, each bool) []Block {
	var out []Block
	begin, end := -1, -1 // of the block that may go on
	for _, s := range list {
		if s.copy || each || begin < 0 || end != s.begin {
			begin = s.begin
			out = append(out, Block{Line: f.line(begin)})
		}
		end = s.end
		b := &out[len(out)-1]
		b.SQL = f.text[begin:end]
		b.Lines = append(b.Lines, f.line(s.first))
		if s.copy {
			b.Copy, b.Data = true, []byte(f.text[s.data.begin:s.data.end])
			begin = -1
		}
	}
	return out
}

// split returns the statements of a region, with offsets of the file.
func (f *file) split(r region) ([]statement, error) {
	list, bad := split(f.text[r.begin:r.end])
	if bad != nil {
		return nil, &fault.Error{Op: "read", Path: fmt.Sprintf("%s:%d", f.name, f.line(r.begin+bad.at)), Err: bad.err, Hint: bad.hint}
	}
	for i := range list {
		s := &list[i]
		s.begin += r.begin
		s.end += r.begin
		s.first += r.begin
		s.data.begin += r.begin
		s.data.end += r.begin
	}
	return list, nil
}

// line returns the line of an offset, from 1.
func (f *file) line(at int) int {
	if f.ends == nil {
		for i := range len(f.text) {
			if f.text[i] == '\n' {
				f.ends = append(f.ends, i)
			}
		}
	}
	return 1 + sort.SearchInts(f.ends, at)
}

// blank reports whether a region has no statement: white space and comments only.
func (f *file) blank(begin, end int) bool {
	list, bad := split(f.text[begin:end])
	return bad == nil && len(list) == 0
}

// Number returns the number that a file's name begins with, and what comes after it. Where a migration is a directory with
// up.sql or migration.sql, it is that directory's name.
func Number(name string) (number, rest string) {
	base := path.Base(name)
	if base == UpName || base == PrismaName {
		base = path.Base(path.Dir(name))
	}
	base = strings.TrimSuffix(strings.TrimSuffix(base, ".sql"), ".up")
	rest = strings.TrimLeft(base, "0123456789")
	return base[:len(base)-len(rest)], strings.TrimLeft(rest, "_-.")
}

// Names of files in a directory that is one migration: Hasura's and Diesel's, and Prisma's.
const (
	UpName     = "up.sql"
	DownName   = "down.sql"
	PrismaName = "migration.sql"
)

// isDown reports whether a file undoes the one beside it.
func isDown(name string) bool {
	base := path.Base(name)
	return strings.HasSuffix(base, ".down.sql") || base == DownName
}
