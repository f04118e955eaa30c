package migrate

import "strings"

// parseGoose reads a file of goose: internal/sqlparser/parser.go of github.com/pressly/goose/v3.
func (f *file) parseGoose() (Script, error) {
	var up, down half
	var now *half // nil before Up
	var outside string
	begin := 0      // of the region that is being read
	block := note{} // the StatementBegin that is open
	for _, n := range f.notes {
		if !strings.HasPrefix(n.text, "--") || !strings.Contains(n.text, "+goose") {
			continue
		}
		word := strings.TrimSpace(strings.Replace(strings.ReplaceAll(n.text, "--", ""), "+goose", "", 1))
		bad := func(why, hint string) (Script, error) { return Script{}, refuse(Goose, f.name, n.line, why, hint) }
		if n.indented {
			return bad("white space before the annotation", "begin the line with --")
		}
		if block.line > 0 && !strings.EqualFold(word, "StatementEnd") {
			return bad("the statement that begins above has no end", "write -- +goose StatementEnd")
		}
		switch strings.ToLower(word) {
		case "up":
			if now != nil {
				return bad("a second Up", "make it a file of its own")
			}
			if !f.blank(0, n.begin) {
				return bad("statements before Up", "move them below the annotation")
			}
			now, begin = &up, n.end
		case "down":
			if now != &up {
				return bad("Down is not after Up", "write one -- +goose Up above it")
			}
			up.add(begin, n.begin, false)
			now, begin = &down, n.end
		case "statementbegin":
			if now == nil {
				return bad("StatementBegin is before Up", "move it below -- +goose Up")
			}
			now.add(begin, n.begin, false)
			begin, block = n.end, n
		case "statementend":
			if block.line == 0 {
				return bad("StatementEnd without StatementBegin", "write -- +goose StatementBegin")
			}
			now.add(begin, n.begin, true)
			begin, block = n.end, note{}
		case "no transaction":
			outside = noTransaction[Goose]
		case "envsub off":
		case "envsub on":
			return bad("variables of the environment are not put in", "have goose apply it, or write the values")
		default:
			return bad("unknown annotation", "it must be Up, Down, StatementBegin, StatementEnd or NO TRANSACTION")
		}
	}
	if now == nil {
		return Script{}, refuse(Goose, f.name, 0, "it has no Up", "write -- +goose Up above the statements")
	}
	if block.line > 0 {
		return Script{}, refuse(Goose, f.name, block.line, "StatementBegin without StatementEnd", "write -- +goose StatementEnd")
	}
	now.add(begin, len(f.text), false)
	up.outside, down.outside = outside, outside
	return f.halves(up, down, now == &down)
}

// add adds a region.
func (h *half) add(begin, end int, whole bool) {
	h.regions = append(h.regions, region{begin, end, whole})
}

// halves makes a Script of one part for each direction.
func (f *file) halves(up, down half, hasDown bool) (Script, error) {
	s := Script{HasDown: hasDown}
	p, err := f.part(up)
	if err != nil {
		return s, err
	}
	s.Up = []Part{p}
	if hasDown {
		if p, err = f.part(down); err != nil {
			return s, err
		}
		s.Down = []Part{p}
	}
	return s, nil
}
