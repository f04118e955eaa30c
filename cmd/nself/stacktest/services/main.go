// Command services stands in for Hasura and Auth where their Docker images are unavailable. By the name it is called it is
// one of the two, towards the database and towards each other as they are: the same kind of pools, statement
// names, transactions, locks and cancellations. It understands no GraphQL. As curl and wget it is the program of their
// health checks, and as entrypoint that of PostgreSQL's image.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	log.SetFlags(log.Ltime)
	var err error
	switch name := filepath.Base(os.Args[0]); name {
	case "hasura":
		err = hasura(ctx)
	case "auth":
		err = auth(ctx)
	case "entrypoint":
		err = entrypoint(ctx)
	case "curl", "wget":
		err = fetch(ctx, os.Args[1:])
	default:
		err = fmt.Errorf("%s is none of hasura, auth, entrypoint, curl and wget", name)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// serve answers HTTP until ctx ends.
func serve(ctx context.Context, addr string, mux http.Handler) error {
	s := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		s.Shutdown(ctx)
	})()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// fetch gets the last argument, a URL, and fails unless the answer is good.
func fetch(ctx context.Context, args []string) error {
	if len(args) == 0 || !strings.HasPrefix(args[len(args)-1], "http") {
		return errors.New("the last argument is no URL")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, args[len(args)-1], nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		return errors.New(resp.Status)
	}
	return nil
}

// setting is an environment variable that must be set.
func setting(name string) (string, error) {
	v := os.Getenv(name)
	if v == "" {
		return "", fmt.Errorf("%s is not set", name)
	}
	return v, nil
}
