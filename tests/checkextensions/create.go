package main

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// extension is one that the server offers, and why it could not be created.
type extension struct {
	name, version, comment, failure string
}

// createAll creates every extension of the server, each in a database of its own.
func (e *environment) createAll(ctx context.Context) (list []extension, err error) {
	err = e.serve(ctx, nil, io.Discard, func() error {
		out, err := e.inRoot("psql", "-XAtq", "-F", "\t", "-d", "postgres", "-c",
			"SELECT name, default_version, comment FROM pg_available_extensions ORDER BY name").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			f := strings.Split(strings.TrimSpace(line), "\t")
			if len(f) != 3 {
				return fmt.Errorf("an extension without name, version or comment: %q", line)
			}
			list = append(list, extension{name: f[0], version: f[1], comment: f[2]})
		}
		for i := range list {
			x := &list[i]
			out, err := e.inRoot("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "postgres",
				"-c", "DROP DATABASE IF EXISTS one", "-c", "CREATE DATABASE one", "-c", `\c one`,
				"-c", fmt.Sprintf(`CREATE EXTENSION IF NOT EXISTS "%s" CASCADE`, x.name)).CombinedOutput()
			if err != nil {
				x.failure = strings.TrimSpace(string(out))
			}
		}
		return nil
	})
	return list, err
}
