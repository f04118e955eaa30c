package main

import (
	"fmt"
	"io"
	"time"

	"nself.org/embeddedpg/internal/move"
)

// moveProgress shows where a move is: on a terminal in one line that changes, else a line for each stage.
type moveProgress struct {
	line  *backupProgress // the terminal's, and its speed
	stage move.Stage
}

func newMoveProgress(w io.Writer) *moveProgress { return &moveProgress{line: newBackupProgress(w)} }

var moveStages = map[move.Stage]string{
	move.StageSchema: "Making the tables", move.StageCopy: "Copying rows", move.StageIndex: "Making indexes and constraints", move.StageFollow: "Following",
	move.StagePause: "Sending the clients there", move.StageCompare: "Comparing", move.StageRetry: "Waiting for a server",
}

func (p *moveProgress) show(e move.Progress) {
	began := e.Stage != p.stage
	p.stage = e.Stage
	if began {
		p.line.speed = speed{}
	}
	text := moveStages[e.Stage]
	if e.Stage == move.StageRetry {
		text += ": " + e.Item
	}
	if !p.line.terminal {
		if began {
			fmt.Fprintln(p.line.w, text, "...")
		}
		return
	}
	rate := p.line.speed.at(p.line.now(), e.Done)
	if e.Total > 0 {
		text += fmt.Sprintf(" %s of about %s", size(e.Done), size(e.Total))
	} else if e.Done > 0 {
		text += fmt.Sprintf(" %s of changes", size(e.Done))
	}
	if rate > 0 {
		text += ", " + size(int64(rate)) + "/s"
	}
	if e.Stage == move.StageFollow {
		text += fmt.Sprintf(", %v behind", e.Lag.Round(time.Millisecond))
	}
	if e.Stage == move.StageCopy && e.Item != "" {
		text += ", " + e.Item
	}
	fmt.Fprintf(p.line.w, "\r\x1b[K%s", p.line.cut(text))
	p.line.open = true
}

func (p *moveProgress) end() { p.line.end() }
