// Command serve is the server that the test binaries of one `go test` share; package pgtest starts it.
package main

import (
	"fmt"
	"os"

	"nself.org/embeddedpg/pgtest/internal/testserver"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "package pgtest starts this command")
		os.Exit(2)
	}
	if err := testserver.Serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
