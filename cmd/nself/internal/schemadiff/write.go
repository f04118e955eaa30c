package schemadiff

import (
	"fmt"
	"io"
	"strings"
)

// Write writes the migration as SQL to read and apply; from and to are how the two sides are called.
func (m Migration) Write(w io.Writer, from, to string) error {
	var b strings.Builder
	if len(m.Steps)+len(m.Failed)+len(m.Left) == 0 {
		fmt.Fprintf(&b, "-- The schemas of %s and %s do not differ.\n", from, to)
	} else {
		fmt.Fprintf(&b, "-- Makes the schema of %s that of %s. Read it before you apply it: what is renamed is dropped and made anew here.\n", from, to)
	}
	for _, s := range m.Steps {
		b.WriteString("\n")
		for _, h := range s.Hazards {
			b.WriteString(comment(h))
		}
		b.WriteString(s.SQL + "\n")
	}
	for _, f := range m.Failed {
		fmt.Fprintf(&b, "\n-- This was planned and does not work (%s):\n%s", f.Err, comment(f.SQL))
	}
	if len(m.Left) > 0 {
		b.WriteString("\n-- These differences are left to you:\n")
	}
	for _, l := range m.Left {
		switch {
		case l.Want == "":
			fmt.Fprintf(&b, "\n-- %s is to be dropped\n", l.Title)
		case l.Have == "":
			fmt.Fprintf(&b, "\n-- %s is to be made\n%s", l.Title, comment(l.Want))
		default:
			fmt.Fprintf(&b, "\n-- %s differs; it is\n%s-- and is to be\n%s", l.Title, comment(l.Have), comment(l.Want))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// comment makes a text comments of SQL.
func comment(text string) string {
	return "--   " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n--   ") + "\n"
}
