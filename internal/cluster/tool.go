package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
)

// Programs are what the guest can run, and the files that belong to them.
type Programs struct {
	Program func(path string) kernel.Module // by guest path
	Image   vfs.FS                          // the tree whose top folder is pgsql
}

// guestEnv is the whole environment of a guest's first process: nothing of the host's gets in.
var guestEnv = []string{"PATH=" + guestPrefix + "/bin", "HOME=/tmp", "USER=postgres", "LOGNAME=postgres", "LC_ALL=C", "TZ=UTC"}

// outputLimit bounds what is kept of a program's output, for its error message.
const outputLimit = 64 << 10

// runTool runs a program on t to its end, and returns the end of what it wrote to both outputs. If ctx
// ends first, the program and all it started are killed.
func runTool(ctx context.Context, prog Programs, t *tree, log slog.Handler, stdin string, argv ...string) (string, error) {
	k, err := kernel.New(kernel.Config{FS: t.root, Program: prog.Program, Log: kernelLog(log)})
	if err != nil {
		return "", err
	}
	defer k.Close()
	in, err := inputPipe(stdin)
	if err != nil {
		return "", err
	}
	if in != nil {
		defer in.Close()
	}
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	p, err := k.Run(kernel.Command{Argv: argv, Env: guestEnv, Stdin: in, Stdout: w, Stderr: w})
	w.Close()
	if err != nil {
		r.Close()
		return "", err
	}
	output := make(chan string, 1)
	go func() {
		defer r.Close()
		output <- tail(r)
	}()
	select {
	case <-p.Done():
	case <-ctx.Done():
	}
	k.Close() // a child that outlived it would keep the pipe open
	text := <-output
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	status := p.Wait()
	switch {
	case status.Signal != 0:
		return text, fmt.Errorf("%s was ended by signal %d", argv[0], status.Signal)
	case status.Code != 0:
		return text, fmt.Errorf("%s ended with code %d", argv[0], status.Code)
	}
	return text, nil
}

// inputPipe returns the reading end of a pipe that holds s; nil for none. A pipe takes 4 KiB at least
// without a reader.
func inputPipe(s string) (*os.File, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) > 4096 {
		return nil, errors.New("the input is too long")
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if _, err := io.WriteString(w, s); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// tail reads all of r and returns the last of it.
func tail(r io.Reader) string {
	var kept []byte
	buf := make([]byte, 8<<10)
	for {
		n, err := r.Read(buf)
		kept = append(kept, buf[:n]...)
		if len(kept) > 2*outputLimit {
			kept = append(kept[:0], kept[len(kept)-outputLimit:]...)
		}
		if err != nil {
			return strings.TrimSpace(string(kept))
		}
	}
}

// kernelLog is the logger for the kernel's own reports.
func kernelLog(h slog.Handler) *slog.Logger {
	if h == nil {
		return nil
	}
	return slog.New(h)
}
