package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// entrypoint stands in for the entry point of PostgreSQL's images: it makes the cluster, runs the SQL of
// /docker-entrypoint-initdb.d once, and becomes the server.
func entrypoint(ctx context.Context) error {
	password, err := setting("POSTGRES_PASSWORD")
	if err != nil {
		return err
	}
	user, name := os.Getenv("POSTGRES_USER"), os.Getenv("POSTGRES_DB")
	data := "/var/lib/postgresql/18/docker"
	server := append([]string{"postgres", "-D", data, "-k", "/tmp", "-c", "listen_addresses=*"}, os.Args[2:]...)
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return become(server)
	}
	secret := "/tmp/password"
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return err
	}
	defer os.Remove(secret)
	options := strings.Fields(os.Getenv("POSTGRES_INITDB_ARGS"))
	if err := command(ctx, "initdb", append(options, "-D", data, "-U", user, "--pwfile", secret, "--no-instructions")...); err != nil {
		return err
	}
	hba, err := os.OpenFile(filepath.Join(data, "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(hba, "host all all all %s\n", os.Getenv("POSTGRES_HOST_AUTH_METHOD"))
	if err := hba.Close(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	if err := command(ctx, "pg_ctl", "-D", data, "-w", "-o", "-k /tmp -c listen_addresses=", "start"); err != nil {
		return err
	}
	os.Setenv("PGPASSWORD", password)
	psql := func(args ...string) error {
		return command(ctx, "psql", append([]string{"-Xq", "-v", "ON_ERROR_STOP=1", "-h", "/tmp", "-U", user}, args...)...)
	}
	if name != "postgres" {
		if err := psql("-d", "postgres", "-c", `CREATE DATABASE "`+name+`"`); err != nil {
			return err
		}
	}
	files, err := filepath.Glob("/docker-entrypoint-initdb.d/*.sql")
	if err != nil {
		return err
	}
	slices.Sort(files)
	for _, f := range files {
		if err := psql("-d", name, "-f", f); err != nil {
			return err
		}
	}
	if err := command(ctx, "pg_ctl", "-D", data, "-w", "-m", "fast", "stop"); err != nil {
		return err
	}
	os.Remove(secret)
	return become(server)
}

func command(ctx context.Context, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func become(argv []string) error {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, argv, os.Environ())
}
