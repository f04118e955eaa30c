package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"nself.org/embeddedpg"
)

const bin = "/usr/lib/postgresql/18/bin/"

// server is one of the two that are compared. Both are reached over a Unix socket by the same pgbench.
type server interface {
	name() string
	cpu() time.Duration // used so far by the server's processes
	pgbench(args ...string) (result, error)
	stop()
}

type result struct {
	tps          float64
	transactions int
}

var (
	tpsLine = regexp.MustCompile(`tps = ([0-9.]+) \(without initial connection time\)`)
	txLine  = regexp.MustCompile(`number of transactions actually processed: (\d+)`)
)

// pgbench runs Debian's pgbench in its root directory.
func pgbench(root, socketDir, password string, args ...string) (result, error) {
	cmd := exec.Command("chroot", append([]string{root, bin + "pgbench", "-h", socketDir, "-p", "5432", "-U", "postgres", "postgres"}, args...)...)
	cmd.Env = []string{"PGPASSWORD=" + password, "PATH=/usr/bin:/bin", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("pgbench %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	var r result
	if m := tpsLine.FindSubmatch(out); m != nil {
		r.tps, _ = strconv.ParseFloat(string(m[1]), 64)
	}
	if m := txLine.FindSubmatch(out); m != nil {
		r.transactions, _ = strconv.Atoi(string(m[1]))
	}
	return r, nil
}

type ourServer struct {
	root, sockets string
	server        *embeddedpg.Server
}

const password = "bench-password-only"

func startOurs(ctx context.Context, root, work string) (*ourServer, error) {
	dir := filepath.Join(work, "o")
	s, err := embeddedpg.Start(ctx, embeddedpg.Config{
		DataDir: filepath.Join(work, "ours"), SocketDir: dir, Port: 5432, Password: password, Settings: settings,
	})
	if err != nil {
		return nil, err
	}
	return &ourServer{root: root, sockets: strings.TrimPrefix(dir, filepath.Clean(root)), server: s}, nil
}

func (s *ourServer) name() string { return "ours" }

func (s *ourServer) pgbench(args ...string) (result, error) {
	return pgbench(s.root, s.sockets, password, args...)
}

// cpu is the processor time of this program, which is the server.
func (s *ourServer) cpu() time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

func (s *ourServer) stop() { s.server.Close() }

type nativeServer struct {
	root, sockets string
	postmaster    *exec.Cmd
}

// startNative makes a cluster with the native initdb and starts the native server on it, as user nobody.
func startNative(ctx context.Context, root, work string) (*nativeServer, error) {
	inside := strings.TrimPrefix(work, filepath.Clean(root))
	data, sockets := inside+"/native", inside+"/n"
	for _, dir := range []string{data, sockets} {
		if err := os.Mkdir(root+dir, 0o700); err != nil {
			return nil, err
		}
		if err := os.Chown(root+dir, 65534, 65534); err != nil {
			return nil, err
		}
	}
	user := []string{"--userspec=65534:65534", root}
	initdb := exec.CommandContext(ctx, "chroot", append(user, bin+"initdb", "-D", data, "-U", "postgres", "-A", "trust",
		"-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--data-checksums")...)
	initdb.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("native initdb: %w\n%s", err, out)
	}
	args := append(user, bin+"postgres", "-D", data, "-c", "listen_addresses=", "-c", "huge_pages=off", "-c", "unix_socket_directories="+sockets)
	for k, v := range settings {
		args = append(args, "-c", k+"="+v)
	}
	postmaster := exec.Command("chroot", args...)
	postmaster.Env = initdb.Env
	postmaster.Stderr = os.Stderr
	if err := postmaster.Start(); err != nil {
		return nil, err
	}
	s := &nativeServer{root, sockets, postmaster}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ready := exec.Command("chroot", root, bin+"pg_isready", "-q", "-h", sockets, "-p", "5432")
		if ready.Run() == nil {
			return s, nil
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("native server does not answer")
		}
	}
}

func (s *nativeServer) name() string { return "native" }

func (s *nativeServer) pgbench(args ...string) (result, error) {
	return pgbench(s.root, s.sockets, "", args...)
}

// cpu adds up the postmaster, the children it has waited for, and those that live, from /proc.
func (s *nativeServer) cpu() time.Duration {
	postmaster := s.postmaster.Process.Pid
	var ticks int64
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		f, ok := statFields(file)
		if !ok {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		switch {
		case pid == postmaster:
			ticks += f[11] + f[12] + f[13] + f[14] // utime stime cutime cstime
		case f[1] == int64(postmaster):
			ticks += f[11] + f[12]
		}
	}
	const perSecond = 100 // USER_HZ
	return time.Duration(ticks) * time.Second / perSecond
}

// statFields returns the numbers of a /proc stat file from the state on, which counts as field 0.
func statFields(file string) ([]int64, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, false
	}
	text := string(b)
	words := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	f := make([]int64, len(words))
	for i, w := range words {
		f[i], _ = strconv.ParseInt(w, 10, 64)
	}
	return f, len(f) > 14
}

func (s *nativeServer) stop() {
	s.postmaster.Process.Signal(syscall.SIGINT)
	s.postmaster.Wait()
}
