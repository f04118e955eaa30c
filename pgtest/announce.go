package pgtest

import (
	"io"
	"os"
	"sync"
	"time"
)

// starting is what a person who waits for the first start on a machine is told.
const starting = "pgtest: PostgreSQL is being compiled; it happens once on a machine and may take a minute\n"

var announced sync.Once

// announce tells the person at the terminal if a start takes longer than a time, until the function it returns is called. What a
// test logs is not seen without -v while it passes.
func announce(after time.Duration) (stop func()) {
	timer := time.AfterFunc(after, func() {
		announced.Do(func() {
			w := terminal()
			defer w.Close()
			_, _ = io.WriteString(w, starting)
		})
	})
	return func() { timer.Stop() }
}

// terminal returns the terminal that `go test` runs on, whose output of tests it holds back, or standard error.
func terminal() io.WriteCloser {
	if w, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
		return w
	}
	return stderr{}
}

type stderr struct{}

func (stderr) Write(b []byte) (int, error) { return os.Stderr.Write(b) }
func (stderr) Close() error                { return nil }
