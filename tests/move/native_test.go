package move_test

import (
	"bytes"
	"fmt"
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
	bin    = "/usr/lib/postgresql/18/bin/"
	nobody = 65534
)

// native is a server of native PostgreSQL 18, which may be killed and started again.
type native struct {
	t       *testing.T
	root    string
	dir     string // as the host sees it
	port    int
	process *exec.Cmd
	log     bytes.Buffer
	ended   chan error
}

// newNative makes a cluster in the Debian root and starts it.
func newNative(t *testing.T) *native {
	t.Helper()
	root := os.Getenv("EMBEDDEDPG_DEBIAN_ROOT")
	if root == "" {
		t.Skip("needs native PostgreSQL 18 in a Debian root: `make check-move` makes one and sets EMBEDDEDPG_DEBIAN_ROOT")
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to change into the Debian root")
	}
	root = filepath.Clean(root)
	dir, err := os.MkdirTemp(filepath.Join(root, "tmp"), "move-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	n := &native{t: t, root: root, dir: dir, port: freePort(t)}
	if out, err := n.command("initdb", "-D", n.inside("data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	n.start()
	t.Cleanup(func() { n.stop(syscall.SIGINT) })
	return n
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (n *native) inside(name string) string {
	return strings.TrimPrefix(filepath.Join(n.dir, name), n.root)
}

func (n *native) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command("chroot", append([]string{fmt.Sprintf("--userspec=%d:%d", nobody, nobody), n.root, bin + program}, args...)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (n *native) start() {
	n.t.Helper()
	n.process = n.command("postgres", "-D", n.inside("data"), "-c", "listen_addresses=127.0.0.1", "-c", fmt.Sprintf("port=%d", n.port),
		"-c", "unix_socket_directories=", "-c", "wal_level=logical", "-c", "log_min_messages=warning")
	n.process.Stdout, n.process.Stderr = &n.log, &n.log
	if err := n.process.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.ended = make(chan error, 1)
	go func(p *exec.Cmd, ended chan error) { ended <- p.Wait() }(n.process, n.ended)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := pgx.Connect(n.t.Context(), n.url("postgres"))
		if err == nil {
			conn.Close(n.t.Context())
			return
		}
		if time.Now().After(end) {
			n.t.Fatalf("the native server: %v\n%s", err, n.log.Bytes())
		}
	}
}

// stop ends the server by a signal: SIGINT in order, SIGQUIT as a crash does.
func (n *native) stop(by syscall.Signal) {
	n.process.Process.Signal(by)
	<-n.ended
}

func (n *native) url(database string) string {
	return fmt.Sprintf("postgresql://postgres@127.0.0.1:%d/%s?sslmode=disable", n.port, database)
}
