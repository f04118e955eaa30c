// Command pinned prints the images of a project in the present directory and environment, one a line: those of
// postgres, hasura, auth and nginx.
package main

import (
	"fmt"
	"log"
	"os"

	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/cmd/nself/internal/project"
)

func main() {
	p, err := project.Load(".", os.Environ())
	if err != nil {
		log.Fatal(err)
	}
	p.SetEmbedded(false)
	for _, name := range compose.Images(p) {
		fmt.Println(name)
	}
}
