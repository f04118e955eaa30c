package listen_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/listen"
)

// reachable waits until something answers on a socket.
func reachable(t *testing.T, socket string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
			if got := answer(t, "unix", socket); got != "invalid AddrPort" {
				t.Error(got)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// TestSocketVanishes takes the socket, its lock, its directory and that directory's parent away from listeners: each
// comes back, with its mode, and Close leaves nothing.
func TestSocketVanishes(t *testing.T) {
	before := runtime.NumGoroutine()
	parent := filepath.Join(shortDir(t), "run")
	dir := filepath.Join(parent, "sock")
	f, err := listen.Open(listen.Config{SocketDir: dir, SocketMode: 0o600, Port: 5432})
	if err != nil {
		t.Fatal(err)
	}
	f.Serve(echo)
	socket := filepath.Join(dir, ".s.PGSQL.5432")
	for _, gone := range [][]string{{socket}, {socket, socket + ".lock"}, {dir}, {parent}} {
		for _, name := range gone {
			if err := os.RemoveAll(name); err != nil {
				t.Fatal(err)
			}
		}
		reachable(t, socket)
		if st, err := os.Stat(socket); err != nil || st.Mode().Perm() != 0o600 {
			t.Error(gone, st, err)
		}
		if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
			t.Error(gone, st, err)
		}
		// It is ours still: nobody else gets it.
		if _, err := listen.Open(listen.Config{SocketDir: dir, SocketMode: 0o600, Port: 5432}); err == nil {
			t.Error("a second server has got the socket after the loss of", gone)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("left:", dir)
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines are left", n-before)
	}
}

// TestSocketVanishesForGood closes listeners whose socket's directory is gone and cannot be made.
func TestSocketVanishesForGood(t *testing.T) {
	parent := shortDir(t)
	dir := filepath.Join(parent, "sock")
	f, err := listen.Open(listen.Config{SocketDir: dir, SocketMode: 0o600, Port: 5432})
	if err != nil {
		t.Fatal(err)
	}
	f.Serve(echo)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // even root cannot make a directory there
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
