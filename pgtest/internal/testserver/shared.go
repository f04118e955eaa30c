package testserver

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// command is the program that a shared server is. A test binary cannot be it: it would have to serve before its own
// tests begin, and until every init function has returned no thread of the server can call Go.
const command = "nself.org/embeddedpg/pgtest/serve"

// order is what a shared server is told by the test binary that starts it.
type order struct {
	Dir      string // of the control socket and its lock
	Settings map[string]string
	Run      int    // the process of the `go test` it is for; 0: no single one
	Started  string // what started says of it
	Linger   time.Duration
}

// Names in the directory of a shared server.
const (
	controlName = "control"
	lockName    = "lock"
)

// SharedMode is the mode in which the test binaries of one `go test` share a server.
const SharedMode = "shared"

// linger is how long a shared server waits for the next client, unless lingerEnv says otherwise: in `go test ./...` a
// test binary may still be linked when the last one has ended.
const (
	linger    = 15 * time.Second
	lingerEnv = "EMBEDDEDPG_PGTEST_LINGER" // a duration, such as 1m
)

// Join returns a connection to the shared server that mode names, "shared" or a directory, and starts the server if
// it does not run. The connection is the client's share in it.
func Join(ctx context.Context, mode string, settings map[string]string) (net.Conn, error) {
	dir, err := sharedDir(mode, settings)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := hostdir.WaitLock(lock); err != nil {
		return nil, err
	}
	control := filepath.Join(dir, controlName)
	if conn, err := net.Dial("unix", control); err == nil {
		return conn, nil
	}
	o := order{Dir: dir, Settings: settings, Linger: linger}
	if text := os.Getenv(lingerEnv); text != "" {
		if o.Linger, err = time.ParseDuration(text); err != nil {
			return nil, &fault.Error{Op: "use " + lingerEnv, Path: text, Err: errors.New("it is not a duration"), Hint: "use one such as 30s"}
		}
	}
	if mode == SharedMode {
		o.Run = os.Getppid()
		o.Started = started(o.Run)
	}
	if err := spawn(ctx, o); err != nil {
		return nil, fmt.Errorf("start the shared server: %w", err)
	}
	return net.Dial("unix", control)
}

// sharedDir makes the directory of a shared server: one for each `go test`, which is the parent of its test binaries,
// or for a name of the user's; and for each set of settings.
func sharedDir(mode string, settings map[string]string) (string, error) {
	if mode != SharedMode && !filepath.IsAbs(mode) {
		return "", &fault.Error{Op: "use EMBEDDEDPG_PGTEST", Path: mode, Err: errors.New("it is neither shared nor an absolute path"), Hint: "use shared, or a directory"}
	}
	text, err := json.Marshal(settings) // sorted by key
	if err != nil {
		return "", err
	}
	top, name := mode, "settings-"+hash(string(text))
	if mode == SharedMode {
		top = filepath.Join(os.TempDir(), fmt.Sprintf("embeddedpg-shared-%d", os.Geteuid()))
		name = hash(started(os.Getppid()) + string(text))
	}
	if err := os.MkdirAll(top, 0o700); err != nil {
		return "", err
	}
	if st, err := os.Stat(top); err != nil {
		return "", err
	} else if sys, ok := st.Sys().(*syscall.Stat_t); !ok || int(sys.Uid) != os.Geteuid() {
		return "", &fault.Error{Op: "share a test server in", Path: top, Err: errors.New("it belongs to another user"), Hint: "name a directory of your own in EMBEDDEDPG_PGTEST"}
	}
	dir := filepath.Join(top, name)
	return dir, os.MkdirAll(dir, 0o700)
}

// spawn starts the server in a session of its own, and returns when clients can connect. The tests run in a directory
// of their module, so that the command is of the same version as this package.
func spawn(ctx context.Context, o order) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "run", command, string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return &fault.Error{Op: "run", Path: command, Err: err, Hint: "a shared server needs the go command; without EMBEDDEDPG_PGTEST each test binary has its own"}
	}
	stop := context.AfterFunc(ctx, func() { out.Close() })
	defer stop()
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "ready" {
			go func() { _ = cmd.Wait() }() // it may end before this program
			return nil
		}
		said = append(said, lines.Text())
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return errors.Join(ctx.Err(), errors.New(strings.Join(append([]string{"go run " + command}, said...), "\n")))
}

// Serve runs a shared server until nobody needs it: the whole of the command, whose argument is text.
func Serve(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return fmt.Errorf("this command is for package pgtest: %w", err)
	}
	control := filepath.Join(o.Dir, controlName)
	if err := os.Remove(control); err != nil && !errors.Is(err, os.ErrNotExist) { // of one that was killed
		return err
	}
	server, err := Start(context.Background(), o.Settings)
	if err != nil {
		return err
	}
	defer server.Close()
	l, err := net.Listen("unix", control)
	if err != nil {
		return err
	}
	defer l.Close() // removes the socket
	if err := announce(); err != nil {
		return err
	}
	u := use{changed: make(chan struct{}, 1)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			u.add(1)
			go func() {
				server.ServeConn(conn)
				u.add(-1)
			}()
		}
	}()
	lock, err := os.OpenFile(filepath.Join(o.Dir, lockName), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer lock.Close()
	for {
		u.unused(o.Linger, o.over)
		// Who joins holds the lock, so nobody does from here on.
		if err := hostdir.WaitLock(lock); err != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond) // a connection just made is accepted
		if u.count() == 0 {
			l.Close()
			os.RemoveAll(o.Dir)
			return nil
		}
		if err := hostdir.Unlock(lock); err != nil {
			return err
		}
	}
}

// announce says that clients can connect, and leaves the test binary's pipe.
func announce() error {
	if _, err := io.WriteString(os.Stdout, "ready\n"); err != nil {
		return err
	}
	return errors.Join(os.Stdout.Close(), os.Stderr.Close())
}

// use counts clients.
type use struct {
	mu      sync.Mutex
	n       int
	changed chan struct{}
}

func (u *use) add(n int) {
	u.mu.Lock()
	u.n += n
	u.mu.Unlock()
	select {
	case u.changed <- struct{}{}:
	default:
	}
}

func (u *use) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.n
}

// lookAround is how often a server without clients looks whether its `go test` has ended.
const lookAround = 200 * time.Millisecond

// unused returns when there has been no client for d, or there is none and none can come.
func (u *use) unused(d time.Duration, over func() bool) {
	for since := time.Now(); ; {
		if u.count() > 0 {
			<-u.changed
			since = time.Now()
			continue
		}
		select {
		case <-u.changed:
		case <-time.After(lookAround):
			if over() || time.Since(since) > d {
				return
			}
		}
	}
}

// over reports whether the `go test` that the server is for has ended.
func (o order) over() bool { return o.Run != 0 && started(o.Run) != o.Started }
