package backup

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	bin      = "/usr/lib/postgresql/18/bin/"
	nobody   = 65534
	password = "backup-test-only"
)

// place is a directory that both servers reach, the native one under another name.
type place struct {
	root string // of Debian
	dir  string // as the host sees it
}

func newPlace(t *testing.T) place {
	t.Helper()
	root := os.Getenv("EMBEDDEDPG_DEBIAN_ROOT")
	if root == "" {
		t.Skip("needs native PostgreSQL 18 in a Debian root: `make check-backup` makes one and sets EMBEDDEDPG_DEBIAN_ROOT")
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to change into the Debian root")
	}
	root = filepath.Clean(root)
	dir, err := os.MkdirTemp(filepath.Join(root, "tmp"), "backup-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return place{root, dir}
}

func (p place) path(name string) string   { return filepath.Join(p.dir, name) }
func (p place) inside(path string) string { return strings.TrimPrefix(path, p.root) }

// own gives everything at path to a user.
func own(t *testing.T, path string, uid int) {
	t.Helper()
	err := filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// command is one of the native programs, as user nobody, with PostgreSQL's environment for a connection.
func (p place) command(env []string, program string, args ...string) *exec.Cmd {
	cmd := exec.Command("chroot", append([]string{fmt.Sprintf("--userspec=%d:%d", nobody, nobody), p.root, bin + program}, args...)...)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "PGUSER=postgres", "PGPASSWORD=" + password, "PGDATABASE=postgres"}, env...)
	return cmd
}

// run runs a native program to its end.
func (p place) run(t *testing.T, env []string, program string, args ...string) {
	t.Helper()
	if out, err := p.command(env, program, args...).CombinedOutput(); err != nil {
		t.Fatalf("native %s %v: %v\n%s", program, args, err, out)
	}
}

// native is a running native server.
type native struct {
	place
	sockets string
	port    int // of 127.0.0.1 and the socket's name
	cmd     *exec.Cmd
	log     *bytes.Buffer
}

// initNative makes a native cluster.
func (p place) initNative(t *testing.T, data string) {
	t.Helper()
	pw := p.path("pw")
	if err := os.WriteFile(pw, []byte(password), 0o644); err != nil {
		t.Fatal(err)
	}
	p.run(t, nil, "initdb", "-D", p.inside(data), "-U", "postgres", "-A", "scram-sha-256", "--pwfile="+p.inside(pw), "-E", "UTF8",
		"--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--data-checksums", "--no-sync")
}

// startNative starts the native server on a data directory until the end of the test.
func (p place) startNative(t *testing.T, data string, settings ...string) *native {
	t.Helper()
	own(t, data, nobody)
	sockets, err := os.MkdirTemp(p.dir, "n")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(sockets, 0o777); err != nil {
		t.Fatal(err)
	}
	n := &native{place: p, sockets: sockets, port: freePort(t), log: &bytes.Buffer{}}
	args := []string{"-D", p.inside(data), "-c", "listen_addresses=127.0.0.1", "-c", fmt.Sprintf("port=%d", n.port), "-c", "unix_socket_directories=" + p.inside(sockets), "-c", "shared_buffers=64MB"}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	n.cmd = p.command(nil, "postgres", args...)
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.stop)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		c, err := pgx.Connect(context.Background(), n.conn("postgres"))
		if err == nil {
			c.Close(context.Background())
			return n
		}
		if time.Now().After(deadline) {
			n.stop()
			t.Fatalf("native server: %v\n%s", err, n.log.Bytes())
		}
	}
}

func (n *native) stop() {
	_ = n.cmd.Process.Signal(syscall.SIGINT)
	_ = n.cmd.Wait()
}

func (n *native) conn(database string) string {
	return fmt.Sprintf("host=%s port=%d user=postgres password=%s dbname=%s sslmode=disable", n.sockets, n.port, password, database)
}

// env is libpq's environment for native programs, over the Unix socket.
func (n *native) env() []string {
	return []string{"PGHOST=" + n.inside(n.sockets), fmt.Sprintf("PGPORT=%d", n.port)}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
