package supervisor

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"nself.org/embeddedpg/internal/hostdir"
)

// Crash is an end of the server that nobody asked for.
type Crash struct {
	At       time.Time `json:"at"`
	Reason   string    `json:"reason"`        // one line: the exit code or signal, and whether memory was the reason
	Log      []string  `json:"log,omitempty"` // what the process said last, if it said anything
	Restarts int       `json:"restarts"`      // starts that followed it and the crashes shortly before
}

// maxLastWords and maxLogTail bound what is kept of a log, in lines and bytes.
const (
	maxLastWords = 5
	maxLogTail   = 64 << 10
)

// describeCrash says why the server's process ended. killed is the count of processes that the kernel has killed for want of
// memory, before and now.
func describeCrash(err error, before, now oomCount) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err.Error()
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return fmt.Sprintf("the server's process ended with exit code %d", exit.ExitCode())
	}
	if status.Signal() == syscall.SIGKILL && now.kills > before.kills {
		return "the kernel killed the server's process for want of memory" + now.limitText()
	}
	return fmt.Sprintf("the server's process was ended by signal %d (%s)", int(status.Signal()), status.Signal())
}

// limitText names the limit that was reached, if it is one of a control group.
func (c oomCount) limitText() string {
	if c.limit <= 0 {
		return ""
	}
	return fmt.Sprintf(" (its control group has a limit of %d MB)", c.limit>>20)
}

// lastWords returns the last lines of a log behind an offset that tell of a crash of the process, or else the last ones that
// are errors.
func lastWords(log string, from int64) []string {
	f, err := os.Open(log)
	if err != nil {
		return nil
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil
	}
	if from > st.Size() { // rotated
		from = 0
	}
	if _, err := f.Seek(max(from, st.Size()-maxLogTail), io.SeekStart); err != nil {
		return nil
	}
	var crash, bad []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLogTail)
	for lines.Scan() {
		s := strings.TrimSpace(lines.Text())
		structured := strings.HasPrefix(s, "time=")
		switch {
		case structured && (strings.Contains(s, "level=ERROR") || strings.Contains(s, "level=WARN")):
			bad = append(bad, s)
		case s == "" || structured:
		case len(crash) > 0 || strings.HasPrefix(s, "fatal error: ") || strings.HasPrefix(s, "panic: ") || strings.HasPrefix(s, "SIG") || strings.HasPrefix(s, "runtime: "):
			if len(crash) < maxLastWords {
				crash = append(crash, s)
			}
		}
	}
	if len(crash) > 0 {
		return crash
	}
	return bad[max(0, len(bad)-maxLastWords):]
}

// LastCrash returns the last crash that was written down; nil if there was none.
func (p Paths) LastCrash() *Crash {
	b, err := os.ReadFile(p.crash())
	if err != nil {
		return nil
	}
	var c Crash
	if json.Unmarshal(b, &c) != nil {
		return nil
	}
	return &c
}

func (p Paths) writeCrash(c Crash) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return hostdir.Replace(p.crash(), append(b, '\n'), 0o600)
}

// lostSupervisor is the crash of a background process that has left its state behind: it is not known how it ended.
func lostSupervisor(s State) Crash {
	c := Crash{At: s.Started, Reason: "the background process was killed, or the machine stopped"}
	if now := countOOM(); s.OOMKills >= 0 && now.kills > s.OOMKills {
		c.Reason = "the background process is gone, and the kernel has killed a process for want of memory since it started" + now.limitText()
	}
	return c
}
