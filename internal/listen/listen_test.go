package listen_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/listen"
)

// echo answers a connection with its peer and closes it.
func echo(c kernel.Conn) error {
	defer unix.Close(c.FD)
	flags, err := unix.FcntlInt(uintptr(c.FD), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		return fmt.Errorf("flags %#x: %v", flags, err)
	}
	_, err = unix.Write(c.FD, []byte(c.Peer.String()))
	return err
}

func answer(t *testing.T, network, address string) string {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "listen")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestListeners(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := filepath.Join(shortDir(t), "sock")
	f, err := listen.Open(listen.Config{SocketDir: dir, SocketMode: 0o600, Port: 5432, TCP: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, ".s.PGSQL.5432")
	if st, err := os.Stat(socket); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st, err)
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Error(st, err)
	}
	// Connections made before Serve wait.
	early := make(chan string)
	go func() { early <- answer(t, "unix", socket) }()
	time.Sleep(10 * time.Millisecond)
	f.Serve(echo)
	if got := <-early; got != "invalid AddrPort" {
		t.Error(got)
	}
	for range 50 {
		if got := answer(t, "tcp", f.Addr().String()); !strings.HasPrefix(got, "127.0.0.1:") {
			t.Fatal(got)
		}
		answer(t, "unix", socket)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal("second Close:", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Error("the directory is still there", err)
	}
	if _, err := net.Dial("tcp", f.Addr().String()); err == nil {
		t.Error("still listening")
	}
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i > 100 {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestDial(t *testing.T) {
	said := kernel.InProcess().String()
	c, err := listen.Dial(func(c kernel.Conn) error {
		if c.Ring == nil {
			return echo(c)
		}
		defer c.Ring.Close()
		_, err := c.Ring.Write([]byte(c.Peer.String()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if b, err := io.ReadAll(c); err != nil || string(b) != said {
		t.Fatal(string(b), err)
	}
	no := errors.New("no")
	if _, err := listen.Dial(func(c kernel.Conn) error {
		if c.Ring != nil {
			c.Ring.Close()
		} else {
			unix.Close(c.FD)
		}
		return no
	}); !errors.Is(err, no) {
		t.Fatal(err)
	}
}

// refused wants Listen to fail with an error for people that says the words.
func refused(t *testing.T, c listen.Config, words ...string) {
	t.Helper()
	f, err := listen.Open(c)
	if err == nil {
		f.Close()
		t.Fatal("listens")
	}
	var fe *fault.Error
	if !errors.As(err, &fe) || fe.Hint == "" {
		t.Errorf("no hint: %v", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func TestSocketPathTooLong(t *testing.T) {
	refused(t, listen.Config{SocketDir: "/tmp/" + strings.Repeat("x", 100), Port: 5432}, "bytes", "at most")
	dir := "/tmp/" + strings.Repeat("x", 107-5-14)
	if err := listen.CheckSocketDir(dir, 5432); runtime.GOOS == "linux" && err != nil {
		t.Error("107 bytes are allowed:", err)
	}
	if err := listen.CheckSocketDir(dir+"x", 5432); err == nil {
		t.Error("108 bytes are not")
	}
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := shortDir(t)
	refused(t, listen.Config{SocketDir: dir, Port: 5432, TCP: l.Addr().String()}, "in use", "another port")
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error("left behind:", left)
	}
	refused(t, listen.Config{TCP: ":5432"}, "address is missing")
	refused(t, listen.Config{TCP: "5432"}, "127.0.0.1:5432")
	refused(t, listen.Config{TCP: "192.0.2.1:0"}, "no interface")
}

func TestSocketTaken(t *testing.T) {
	dir := shortDir(t)
	c := listen.Config{SocketDir: dir, SocketMode: 0o600, Port: 5432}
	f, err := listen.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, c, fmt.Sprintf("process %d", os.Getpid()))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	// Another program's socket, without a lock file.
	socket := filepath.Join(dir, ".s.PGSQL.5432")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, c, "answers there")
	if got := len(names(t, dir)); got != 1 {
		t.Error(names(t, dir))
	}
	l.Close()

	os.WriteFile(socket, nil, 0o600)
	refused(t, c, "not a socket")
	if _, err := os.Stat(socket); err != nil {
		t.Error("a file of someone else was removed")
	}
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestStaleSocket leaves a socket and its lock file behind as a killed process does.
func TestStaleSocket(t *testing.T) {
	for name, owner := range map[string]string{"dead": "4194304", "our number": fmt.Sprint(os.Getpid()), "empty": "", "another program's": fmt.Sprint(os.Getppid())} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			socket := filepath.Join(dir, ".s.PGSQL.5432")
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			l.Close()
			os.WriteFile(socket+".lock", []byte(owner+"\n/pgdata\n"), 0o600)
			f, err := listen.Open(listen.Config{SocketDir: dir, SocketMode: 0o600, Port: 5432})
			if err != nil {
				t.Fatal(err)
			}
			f.Serve(echo)
			answer(t, "unix", socket)
			f.Close()
			if left := names(t, dir); len(left) > 0 {
				t.Error("left behind:", left)
			}
		})
	}
}

// TestNativeSocketLock has a process named postgres hold the socket's lock file.
func TestNativeSocketLock(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a program whose process gets the name postgres")
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("no sleep command:", err)
	}
	dir := shortDir(t)
	fake := filepath.Join(dir, "postgres")
	code, _ := os.ReadFile(sleep)
	os.WriteFile(fake, code, 0o700)
	cmd := exec.Command(fake, "60")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	os.WriteFile(filepath.Join(dir, ".s.PGSQL.5432.lock"), fmt.Appendf(nil, "%d\n", cmd.Process.Pid), 0o600)
	refused(t, listen.Config{SocketDir: dir, Port: 5432}, fmt.Sprintf("process %d", cmd.Process.Pid))
}
