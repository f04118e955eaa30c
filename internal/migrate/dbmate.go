package migrate

import (
	"regexp"
	"strings"
	"sync"
)

// dbmateBlock begins a block of dbmate.
var dbmateBlock = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^--\s*migrate:(up|down)(\s|$)`) })

// parseDbmate reads a file of dbmate: pkg/dbmate/migration.go of github.com/amacneil/dbmate. It may have several pairs of
// blocks, each of which is a transaction.
func (f *file) parseDbmate() (Script, error) {
	var s Script
	var now *half
	isUp := false
	begin := 0
	finish := func(end int) error {
		if now == nil {
			return nil
		}
		now.add(begin, end, false)
		p, err := f.part(*now)
		if isUp {
			s.Up = append(s.Up, p)
		} else {
			s.Down = append(s.Down, p)
		}
		return err
	}
	for _, n := range f.notes {
		if !marks()[2].mark.MatchString(n.text) {
			continue
		}
		bad := func(why, hint string) (Script, error) { return Script{}, refuse(Dbmate, f.name, n.line, why, hint) }
		m := dbmateBlock().FindStringSubmatch(n.text)
		if m == nil || n.indented {
			return bad("dbmate takes the line for a comment", "begin it with -- migrate:up or -- migrate:down")
		}
		h := &half{}
		for _, o := range strings.Fields(n.text[len(m[0]):]) {
			switch o {
			case "transaction:false":
				h.outside = "-- migrate:" + m[1] + " " + o
			case "transaction:true":
			default:
				return bad("unknown option "+o, "the one option is transaction:false")
			}
		}
		if now == nil && !f.blank(0, n.begin) {
			return bad("statements before the first block", "move them below -- migrate:up")
		}
		if m[1] == "down" && !isUp {
			return bad("a down block that no up block precedes", "write -- migrate:up above it")
		}
		if err := finish(n.begin); err != nil {
			return Script{}, err
		}
		now, isUp, begin = h, m[1] == "up", n.end
		s.HasDown = s.HasDown || !isUp
	}
	return s, finish(len(f.text))
}
