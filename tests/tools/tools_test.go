// Package tools runs administrators' tools from Debian beside our server: they compare what it says of itself with what
// they see on the machine.
package tools

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
)

const password = "tools-test-only"

// place is a directory that has the same path on the host and in the Debian root.
type place struct{ root, dir string }

func newPlace(t *testing.T) place {
	root := os.Getenv("EMBEDDEDPG_DEBIAN_ROOT")
	if root == "" {
		t.Skip("needs the tools in a Debian root: `make check-tools` makes one and sets EMBEDDEDPG_DEBIAN_ROOT")
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to change into the Debian root")
	}
	dir, err := os.MkdirTemp("/var/tmp", "embeddedpg-tools-")
	if err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(root, dir)
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		os.Remove(inside)
		os.RemoveAll(dir)
	})
	return place{filepath.Clean(root), dir}
}

// run runs a program in the Debian root, where dir is what it is on the host.
func (p place) run(t *testing.T, stdin string, argv ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	const enter = `mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount --bind "$1" "$0$1" && shift && exec chroot "$0" "$@"`
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "--", "sh", "-c", enter, p.root, p.dir}, argv...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root", "TERM=xterm", "PGPASSFILE=" + filepath.Join(p.dir, "pgpass")}
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(argv, " "), err, &out)
	}
	return out.String()
}

func (p place) start(t *testing.T, data string) (*embeddedpg.Server, *pgx.Conn) {
	t.Helper()
	ctx := context.Background()
	s, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: data, SocketDir: p.dir, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c, err := pgx.Connect(ctx, s.ConnString(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(ctx) })
	return s, c
}

func TestTools(t *testing.T) {
	p := newPlace(t)
	if err := os.WriteFile(filepath.Join(p.dir, "pgpass"), []byte("*:*:*:postgres:"+password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(p.dir, "pgdata")
	s, c := p.start(t, data)
	if _, err := c.Exec(context.Background(), "CREATE TABLE t AS SELECT 4711 AS a"); err != nil {
		t.Fatal(err)
	}

	t.Run("check_postgres", func(t *testing.T) {
		for _, action := range []string{
			"connection", "backends", "database_size --warning=1TB --critical=2TB", "disk_space --warning=100% --critical=100%", "wal_files --warning=100 --critical=200", "locks",
			"version --warning=18",
		} {
			argv := append([]string{"check_postgres", "--host=" + p.dir, "--dbuser=postgres", "--port=5432"}, strings.Fields("--action="+action)...)
			if out := p.run(t, "", argv...); !strings.Contains(out, " OK: ") {
				t.Errorf("%s: %s", action, out)
			}
		}
	})

	t.Run("pg_activity", func(t *testing.T) {
		out := p.run(t, "", "sh", "-c", "(sleep 6; printf q) | script -qec 'stty rows 40 cols 160; pg_activity -h "+p.dir+" -U postgres' /dev/null")
		if strings.Contains(out, "Traceback") || !strings.Contains(out, "PostgreSQL 18") {
			t.Errorf("%q", out)
		}
	})

	conf := filepath.Join(p.dir, "pgbackrest.conf")
	text := fmt.Sprintf("[global]\nrepo1-path=%[1]s/repo\nlock-path=%[1]s/lock\narchive-check=n\nallow-root=y\nrepo1-retention-full=9\n[main]\npg1-path=%[1]s/pgdata\npg1-socket-path=%[1]s\npg1-user=postgres\n", p.dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	pgbackrest := func(argv ...string) string {
		t.Helper()
		return p.run(t, "", append([]string{"pgbackrest", "--config=" + conf, "--stanza=main", "--log-level-console=warn", "--log-level-file=off"}, argv...)...)
	}
	pgbackrest("stanza-create")
	pgbackrest("--type=full", "--start-fast", "backup")
	if out := pgbackrest("info"); !strings.Contains(out, "full backup") {
		t.Errorf("pgbackrest info: %s", out)
	}
	c.Close(context.Background())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	pgbackrest("--type=full", "--no-online", "backup")
	restored := filepath.Join(p.dir, "restored")
	if err := os.Mkdir(restored, 0o700); err != nil {
		t.Fatal(err)
	}
	pgbackrest("--pg1-path="+restored, "--type=none", "restore")
	_, c = p.start(t, restored)
	var a int
	if err := c.QueryRow(context.Background(), "SELECT a FROM t").Scan(&a); err != nil || a != 4711 {
		t.Errorf("restored: %d, %v", a, err)
	}
}
