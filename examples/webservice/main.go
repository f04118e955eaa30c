// Command webservice is an HTTP service with its database inside: one program, one directory of data.
//
//	go run . -addr 127.0.0.1:8080 -data ./data
//	curl -d 'hello' localhost:8080/notes
//	curl localhost:8080/notes
//
// SIGINT and SIGTERM end it in order: no new requests, the present ones finish, connections close, the database writes its
// last checkpoint.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/pgxembed"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	data := flag.String("data", "data", "directory of the database")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", *addr)
	if err == nil {
		log.Print("listening on http://", listener.Addr())
		err = run(ctx, listener, *data)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, listener net.Listener, data string) (err error) {
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: data})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }() // last: everything above has let go of it

	pool, err := pgxembed.NewPool(ctx, server, "")
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrate(ctx, pool); err != nil {
		return err
	}

	web := &http.Server{Handler: handler(pool), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return web.Shutdown(last)
}
