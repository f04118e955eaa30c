// Command open starts a server on what a failed test of package pgtest has left, and psql on it:
//
//	go run nself.org/embeddedpg/pgtest/open [-print] DIRECTORY [DATABASE [PSQL-ARGUMENT...]]
//
// With -print it prints the connection string instead of starting psql, and serves until it is interrupted. Nothing is
// removed: the next failure in the test's package does that.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/connect"
	"nself.org/embeddedpg/internal/pgclient"
	"nself.org/embeddedpg/pgtest/internal/testserver"
)

func main() {
	show := flag.Bool("print", false, "print the connection string and serve until interrupted")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: open [-print] DIRECTORY [DATABASE [PSQL-ARGUMENT...]]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	code, err := run(flag.Arg(0), flag.Arg(1), *show, flag.Args()[min(2, flag.NArg()):])
	if err != nil {
		fmt.Fprintln(os.Stderr, "open:", err)
		code = 1
	}
	os.Exit(code)
}

func run(dir, database string, show bool, args []string) (code int, err error) {
	testserver.WaitKept(dir)
	password, err := os.ReadFile(filepath.Join(dir, testserver.PasswordName))
	if err != nil {
		return 1, fmt.Errorf("%w (give the directory that the failed test has printed)", err)
	}
	server, err := embeddedpg.Start(context.Background(), embeddedpg.Config{
		DataDir: filepath.Join(dir, testserver.DataName), Password: string(password),
	})
	if err != nil {
		return 1, err
	}
	defer func() {
		if e := server.Close(); err == nil {
			err = e
		}
	}()
	if show {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		fmt.Println(server.ConnString(database))
		<-ctx.Done()
		return 0, nil
	}
	return pgclient.Run(context.Background(), pgclient.Command{
		Name: "psql", Args: args,
		Env: connect.Server{ // with Config's defaults
			Host: server.SocketDir(), Port: 5432, User: "postgres", Password: string(password), Database: database,
		}.Environment(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
}
