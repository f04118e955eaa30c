package move_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/move"
	"nself.org/embeddedpg/internal/testenv"
)

// moverVariable holds the instructions of a mover in a process of its own, which can be killed.
const moverVariable = "EMBEDDEDPG_TEST_MOVER"

type instructions struct {
	Source move.End
	Target string
	Resume bool
	Ready  string // a file: when it is there, the clients may be sent
	Switch string // a file: made when they are
}

func TestMain(m *testing.M) {
	embeddedpg.ChildMain()
	if text := os.Getenv(moverVariable); text != "" {
		if err := mover(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(testenv.Run(m.Run))
}

func mover(text string) error {
	var do instructions
	if err := json.Unmarshal([]byte(text), &do); err != nil {
		return err
	}
	target, err := move.ParseEnd(do.Target)
	if err != nil {
		return err
	}
	stage := move.Stage("")
	done, err := move.Run(context.Background(), move.Options{
		Source: do.Source, Target: target, Resume: do.Resume,
		Ready: func(context.Context) error {
			for {
				if _, err := os.Stat(do.Ready); err == nil {
					return nil
				}
				time.Sleep(10 * time.Millisecond)
			}
		},
		Switch: func(context.Context) error { return hostdir.Replace(do.Switch, []byte(do.Target), 0o600) },
		Progress: func(p move.Progress) {
			if p.Stage != stage {
				fmt.Fprintln(os.Stderr, p.Stage, p.Item)
			}
			stage = p.Stage
		},
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(done)
}

// moving is a mover's process.
type moving struct {
	cmd   *exec.Cmd
	out   *os.File
	ended chan error
}

func startMover(t *testing.T, do instructions) *moving {
	t.Helper()
	text, err := json.Marshal(do)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.CreateTemp(t.TempDir(), "mover-")
	if err != nil {
		t.Fatal(err)
	}
	m := &moving{cmd: exec.Command(os.Args[0]), out: out, ended: make(chan error, 1)}
	m.cmd.Env = append(os.Environ(), moverVariable+"="+string(text))
	m.cmd.Stdout, m.cmd.Stderr = out, out
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { m.ended <- m.cmd.Wait() }()
	return m
}

func (m *moving) kill() {
	_ = m.cmd.Process.Kill()
	m.ended <- <-m.ended
}

// said is what it has written so far.
func (m *moving) said() string {
	b, _ := os.ReadFile(m.out.Name())
	return string(b)
}
