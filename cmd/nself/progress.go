package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/supervisor"
)

// progress shows the stages of a start: on a terminal in one line that changes, else one line each.
type progress struct {
	w        io.Writer
	terminal bool
	stage    embeddedpg.Stage
	brief    bool // without a terminal, tell of what takes long alone
	open     bool // the line has no end yet
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

var stageText = map[embeddedpg.Stage]string{
	embeddedpg.StageCompile: "Compiling PostgreSQL for this machine, once",
	embeddedpg.StageCreate:  "Creating the database",
	embeddedpg.StageStart:   "Starting PostgreSQL",
}

func (p *progress) show(e supervisor.Event) {
	text := stageText[e.Stage]
	if text == "" {
		return
	}
	if p.terminal {
		if e.Elapsed > 0 {
			text += fmt.Sprintf(" (%.1f s)", e.Elapsed.Seconds())
		}
		fmt.Fprintf(p.w, "\r\x1b[K%s ...", text)
		p.open = true
	} else if e.Stage != p.stage && (!p.brief || e.Stage == embeddedpg.StageCompile) {
		fmt.Fprintln(p.w, text, "...")
	}
	p.stage = e.Stage
}

func (p *progress) end() {
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
}
