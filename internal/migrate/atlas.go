package migrate

import (
	"regexp"
	"strings"
	"sync"
)

// atlasDirective is a line of atlas: sql/migrate/dir.go of ariga.io/atlas.
var atlasDirective = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:--|#)\s*atlas:(\w+)\s*(.*)$`) })

// parseAtlas reads a file of atlas. It has no other half: atlas computes what undoes it.
func (f *file) parseAtlas() (Script, error) {
	h := half{regions: []region{{end: len(f.text)}}}
	var s Script
	header := f.header()
	for _, n := range f.notes {
		m := atlasDirective().FindStringSubmatch(n.text)
		if m == nil {
			continue
		}
		bad := func(why, hint string) (Script, error) { return Script{}, refuse(Atlas, f.name, n.line, why, hint) }
		switch name, value := m[1], strings.TrimSpace(m[2]); name {
		case "nolint", "sum":
		case "txmode", "checkpoint":
			if n.begin >= header {
				return bad("atlas reads "+name+" only above the first statement, with an empty line below", "move it there")
			}
			switch {
			case name == "checkpoint":
				s.checkpoint = true
			case value == "none":
				h.outside = noTransaction[Atlas]
			case value != "file" && value != "all":
				return bad("unknown txmode "+value, "it must be none, file or all")
			}
		case "delimiter":
			return bad("delimiters other than the semicolon are not understood", "remove the line: text between $$ may contain semicolons")
		default:
			return bad("atlas:"+name+" is not understood", "have atlas apply it")
		}
	}
	p, err := f.part(h)
	s.Up = []Part{p}
	return s, err
}

// header returns where the comments at the top of the file end, or 0 if they belong to the first statement.
func (f *file) header() int {
	end := 0
	for _, n := range f.notes {
		if n.begin != end || n.indented {
			break
		}
		end = n.end
	}
	if rest := strings.TrimLeft(f.text[end:], " \t\r"); rest != "" && rest[0] != '\n' {
		return 0
	}
	return end
}
