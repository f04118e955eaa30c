package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/offsite"
	"nself.org/embeddedpg/internal/backup"
)

// backupProgress shows the stages: on a terminal in one line that changes, else a line each.
type backupProgress struct {
	w        io.Writer
	terminal bool
	now      func() time.Time
	stage    backup.Stage
	open     bool
	dumped   bool // the dump is whole, and what is added up beside it is what is waited for
	speed    speed
}

func newBackupProgress(w io.Writer) *backupProgress {
	return &backupProgress{w: w, terminal: isTerminal(w), now: time.Now}
}

var backupStages = map[backup.Stage]string{
	backup.StageCompile: "Compiling PostgreSQL's client programs, once", backup.StageDump: "Dumping", backup.StageSum: "Adding up tables", backup.StageCopy: "Copying",
	backup.StageArchive: "Waiting for the archive", backup.StageFlush: "Writing to disk", backup.StageCheck: "Comparing checksums", backup.StageRestore: "Restoring", backup.StageIndex: "Making indexes and constraints",
	offsite.StageUpload: "Storing", offsite.StageReadBack: "Reading back", offsite.StageDownload: "Getting",
	backup.StageAnalyze: "Gathering statistics", backup.StageSwap: "Putting it in its place", backup.StageRecover: "Replaying the log",
}

func (p *backupProgress) show(e backup.Progress) {
	if e.Stage == backup.StageDump {
		p.dumped = e.Total > 0 && e.Done == e.Total
	}
	if e.Stage == backup.StageSum && p.stage == backup.StageDump && !p.dumped {
		return // both are under way, and the dump tells more
	}
	text, ok := backupStages[e.Stage]
	if !ok {
		text = string(e.Stage)
	}
	began := e.Stage != p.stage
	p.stage = e.Stage
	if !p.terminal {
		if began && e.Stage != backup.StageSum { // which is not worth a line
			fmt.Fprintln(p.w, text, "...")
		}
		return
	}
	if began {
		p.speed = speed{}
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", p.cut(text+p.measure(e)))
	p.open = true
}

// measure is how far a stage is: of bytes with their speed and the time that is left, of other things their number.
func (p *backupProgress) measure(e backup.Progress) string {
	var parts []string
	switch e.Stage {
	case backup.StageSum, backup.StageIndex:
		if e.Total > 0 {
			parts = append(parts, fmt.Sprintf("%d of %d", min(e.Done+1, e.Total), e.Total))
		}
	default:
		rate := p.speed.at(p.now(), e.Done)
		if e.Total > 0 {
			parts = append(parts, fmt.Sprintf("%d %%", min(100, 100*e.Done/e.Total)))
			parts = append(parts, fmt.Sprintf("%s of %s", size(min(e.Done, e.Total)), size(e.Total)))
		}
		if e.Bytes > 0 && e.Bytes != e.Done {
			parts = append(parts, size(e.Bytes)+" written")
		}
		if rate > 0 {
			parts = append(parts, size(int64(rate))+"/s")
		}
		if rate > 0 && e.Total > e.Done {
			parts = append(parts, clock(time.Duration(float64(e.Total-e.Done)/rate*float64(time.Second)))+" left")
		}
	}
	text := ""
	if len(parts) > 0 {
		text = " " + strings.Join(parts, ", ")
	}
	if e.Item != "" {
		text += " (" + e.Item + ")"
	}
	return text
}

// cut shortens a line to the terminal's width: one that wraps cannot be written over.
func (p *backupProgress) cut(text string) string {
	f, ok := p.w.(*os.File)
	if !ok {
		return text
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if letters := []rune(text); err == nil && width > 1 && len(letters) >= width {
		return string(letters[:width-2]) + "…"
	}
	return text
}

func (p *backupProgress) end() {
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
}

// clock is a time that is left: 0:07, 12:34, 1:02:03.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// speed is that of the last seconds.
type speed struct {
	samples []sample
}

type sample struct {
	at   time.Time
	done int64
}

// The window over which speed is measured, and the least of it that says something.
const (
	speedWindow = 10 * time.Second
	speedLeast  = time.Second
)

// at notes what is done by now, and returns the bytes a second; 0 if that is not known yet.
func (s *speed) at(now time.Time, done int64) float64 {
	if n := len(s.samples); n > 0 && (done < s.samples[n-1].done) {
		s.samples = nil // it begins again
	}
	if n := len(s.samples); n == 0 || now.Sub(s.samples[n-1].at) >= speedLeast/10 {
		s.samples = append(s.samples, sample{now, done})
	}
	for len(s.samples) > 2 && now.Sub(s.samples[1].at) > speedWindow {
		s.samples = s.samples[1:]
	}
	first := s.samples[0]
	if passed := now.Sub(first.at); passed >= speedLeast {
		return float64(done-first.done) / passed.Seconds()
	}
	return 0
}

// showPublic is show for package embeddedpg.
func (p *backupProgress) showPublic(e embeddedpg.BackupProgress) {
	p.show(backup.Progress{Stage: backup.Stage(e.Stage), Done: e.Done, Total: e.Total, Bytes: e.Bytes, Item: e.Item})
}
