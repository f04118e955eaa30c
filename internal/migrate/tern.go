package migrate

import (
	"strings"
)

// Notes of tern: migrate/migrate.go of github.com/jackc/tern/v2.
const (
	ternSplit         = "---- create above / drop below ----"
	ternNoTransaction = "---- tern: disable-tx ----"
)

// parseTern reads a file of tern, but for its templates.
func (f *file) parseTern() (Script, error) {
	if i := strings.Index(f.text, "{{"); i >= 0 {
		return Script{}, refuse(Tern, f.name, f.line(i), "templates are not filled in", "have tern apply it, or write what the template stands for")
	}
	above, below, hasDown := strings.Cut(f.text, ternSplit)
	up := half{regions: []region{{end: len(above)}}}
	down := half{regions: []region{{begin: len(f.text) - len(below), end: len(f.text)}}}
	for _, n := range f.notes {
		if n.text == ternNoTransaction && !n.indented {
			if n.begin < len(above) {
				up.outside = ternNoTransaction
			} else {
				down.outside = ternNoTransaction
			}
		}
	}
	return f.halves(up, down, hasDown)
}
