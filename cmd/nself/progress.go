package main

import (
	"fmt"
	"io"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// progress shows the stages of a start: on a terminal in one line that changes, else one line each.
type progress struct {
	w        io.Writer
	terminal bool
	stage    embeddedpg.Stage
	brief    bool // without a terminal, tell of what takes long alone
	open     bool // the line has no end yet
	elapsed  time.Duration
}

func newProgress(w io.Writer) *progress {
	return &progress{w: w, terminal: isTerminal(w)}
}

var stageText = map[embeddedpg.Stage]string{
	embeddedpg.StageCompile: "Compiling PostgreSQL for this machine, once: ten seconds or more",
	embeddedpg.StageCreate:  "Creating the database",
	embeddedpg.StageStart:   "Starting PostgreSQL",
}

func (p *progress) show(e supervisor.Event) {
	if e.Notice != "" {
		p.end()
		fmt.Fprintf(p.w, "%s\n  If POSTGRES_DB was changed by mistake, set it back, and restart: nself restart\n", paint(p.w, yellow, e.Notice))
		return
	}
	text := stageText[e.Stage]
	if text == "" {
		return
	}
	if p.terminal {
		if p.stage == embeddedpg.StageCompile && e.Stage != p.stage {
			p.compiled()
		}
		p.elapsed = e.Elapsed
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

// compiling tells, with the time it takes, that a program of PostgreSQL's is compiled before it runs. What follows is the program's
// output: compiled ends the line.
func compiling(w io.Writer) (compile func(time.Duration), compiled func()) {
	p := newProgress(w)
	return func(elapsed time.Duration) {
		p.show(supervisor.Event{Stage: embeddedpg.StageCompile, Elapsed: elapsed})
	}, p.end
}

// compiled leaves a line of what took long and will not come again.
func (p *progress) compiled() {
	fmt.Fprintf(p.w, "\r\x1b[KCompiled PostgreSQL for this machine (%.1f s).\n", p.elapsed.Seconds())
	p.open = false
}

func (p *progress) end() {
	if p.open && p.stage == embeddedpg.StageCompile {
		p.compiled()
	}
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
}
