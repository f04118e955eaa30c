// Command seed makes internal/image/cluster.zst: a new cluster, as the embedded initdb makes it, from
// which new clusters are written (cluster.Seed). The argument is the file.
package main

import (
	"context"
	"fmt"
	"os"

	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/programs"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: seed FILE")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string) error {
	set, err := programs.Load(ctx, programs.Options{Server: true, Initdb: true, Tools: true})
	if err != nil {
		return err
	}
	defer set.Close()
	seed, err := cluster.MakeSeed(ctx, cluster.Programs{Program: set.Program, Image: set.Image()})
	if err != nil {
		return err
	}
	return hostdir.Replace(name, seed, 0o644)
}
