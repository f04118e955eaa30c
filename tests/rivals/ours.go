package rivals

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"nself.org/embeddedpg"
)

// ServeVariable, in the environment of a program that calls Serve first, makes it a server of this project.
const ServeVariable = "EMBEDDEDPG_RIVALS_SERVE"

const password = "bench-password-only"

// Serve runs a server if this process was started as one, and does not return then. A program that uses Ours calls it
// first of all.
func Serve() {
	text := os.Getenv(ServeVariable)
	if text == "" {
		return
	}
	if err := serve(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(text string) error {
	var cfg embeddedpg.Config
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT)
	defer cancel()
	s, err := embeddedpg.Start(ctx, cfg)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return s.Close()
}

// Ours starts this project's server on the cluster in Work/ours, which is made if it is not there.
func Ours(ctx context.Context, p Place) (*Server, error) {
	s := &Server{Name: "embeddedpg", place: p, sockets: filepath.Join(p.Work, "o"), password: password, stop: syscall.SIGINT}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cfg, err := json.Marshal(struct {
		DataDir, SocketDir, Password string
		Port                         int
		Settings                     map[string]string
	}{filepath.Join(p.Work, "ours"), s.sockets, password, 5432, p.settings()})
	if err != nil {
		return nil, err
	}
	s.command = exec.Command(self)
	s.command.Env = append(os.Environ(), ServeVariable+"="+string(cfg))
	return s, s.launch(ctx)
}
