package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
)

const opStart = "start the server"

// RunOptions describe one run of the server.
type RunOptions struct {
	Port       int               // in the Unix socket's name
	SocketDir  string            // of the host, with the Unix socket that clients connect to; "": none
	SocketMode fs.FileMode       // of that socket
	TCP        netip.AddrPort    // that the program listens on; not valid: none
	Settings   map[string]string // of postgresql.conf; see CheckSettings
	Mounts     []Mount
	// ExtensionDirs are directories of the host with side modules, control and SQL files.
	ExtensionDirs []string
	// Extensions are such directories within the program; the host's come before them.
	Extensions    []fs.FS
	Outgoing      func(netip.Addr) bool // what the server may connect to; nil: anything
	SessionMemory uint64                // bytes of each session's heap; 0: as much as its address space holds
	// TimeZones is a directory of the host with zone files, in place of those of the image. "": the image's.
	TimeZones string
	Log       slog.Handler // nil: the server's messages are dropped

	// Data wraps the file system of the data directory, in one that fails or keeps a journal (package vfstest). Default:
	// none.
	Data func(vfs.FS) vfs.FS

	fixed map[string]string // what ALTER SYSTEM cannot set, because the program does; nil: no server
}

// settings are Settings, and what follows from the rest where they do not say otherwise.
func (o *RunOptions) settings() map[string]string {
	all := extensionSettings(len(o.ExtensionDirs) + len(o.Extensions))
	if all == nil {
		return o.Settings
	}
	for name, value := range o.Settings {
		all[canonicalSetting(name)] = value
	}
	return all
}

// Postmaster is a running server. Its methods are safe for concurrent use.
type Postmaster struct {
	dir    string
	k      *kernel.Kernel
	p      *kernel.Process
	socket string
	log    *logReader
	done   chan struct{}
	err    error // how it ended, once done is closed
}

// Run starts the server on the cluster, and returns when it accepts connections. If ctx ends before,
// the server is stopped again. The caller stops the server before it closes the cluster.
func (c *Cluster) Run(ctx context.Context, p Programs, o RunOptions) (*Postmaster, error) {
	if err := CheckSettings(o.Settings); err != nil {
		return nil, err
	}
	if err := checkFileSize(opStart, c.dir, c.segmentSize()); err != nil {
		return nil, err
	}
	if err := errors.Join(c.configure(), c.tell(o.Settings, kernelLog(o.Log))); err != nil {
		return nil, err
	}
	o.fixed = map[string]string{}
	t, err := newTree(p.Image, c.dir, guestPath(c.dir, guestData), o)
	if err != nil {
		return nil, err
	}
	settings := o.commandLine(t)
	for _, s := range settings {
		o.fixed[s.name] = s.value
	}
	m, err := c.launch(t, p, o, settings)
	if err != nil {
		t.close()
		return nil, err
	}
	if err := m.waitReady(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// launch starts the process and the goroutine that waits for its end. The tree is the Postmaster's then.
func (c *Cluster) launch(t *tree, p Programs, o RunOptions, settings []setting) (*Postmaster, error) {
	var usage usageView
	conf := newConfView(t.root, t.data, settings, kernelLog(o.Log))
	k, err := kernel.New(kernel.Config{
		FS: t.root, Program: p.Program, Log: kernelLog(o.Log), LibraryDirs: []string{guestExtensions}, Bound: o.bound, Outgoing: o.Outgoing,
		Heap:    func(argv []string) uint64 { return heap(argv, o.SessionMemory) },
		Refused: t.forget,
		View: func(p *kernel.Process) kernel.Opener {
			switch {
			case p.First():
				return conf.open
			case p.Dialed():
				return usage.and(dialedView(path.Join(t.data, hbaName)))
			}
			return usage.open
		},
	})
	if err != nil {
		return nil, err
	}
	usage.of.Store(k)
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	// For dblink and postgres_fdw, where no host is named: this server itself.
	env := append(slices.Clone(guestEnv), "PGHOST="+t.sockets, fmt.Sprintf("PGPORT=%d", o.port()))
	proc, err := k.Run(kernel.Command{Argv: postmasterArgs(t.data, settings), Env: env, Stdout: w, Stderr: w})
	w.Close()
	if err != nil {
		r.Close()
		k.Close()
		return nil, &fault.Error{Op: opStart, Path: c.dir, Err: err}
	}
	m := &Postmaster{dir: c.dir, k: k, p: proc, socket: fmt.Sprintf("%s/.s.PGSQL.%d", t.sockets, o.port()), log: readLog(r, o.Log), done: make(chan struct{})}
	go m.reap(t)
	return m, nil
}

// has reports whether the data directory has a file of that name.
func (c *Cluster) has(name string) bool {
	_, err := os.Stat(filepath.Join(c.dir, name))
	return err == nil
}

// reap waits for the postmaster and then for everything it started.
func (m *Postmaster) reap(t *tree) {
	status := m.p.Wait()
	err := m.k.Close()
	m.log.wait()
	m.err = errors.Join(m.ending(status), err, t.close())
	close(m.done)
}

// ending makes an error of an exit status: nil after an orderly shutdown.
func (m *Postmaster) ending(s kernel.Status) error {
	if s == (kernel.Status{}) {
		return nil
	}
	how := fmt.Sprintf("it ended with code %d", s.Code)
	if s.Signal != 0 {
		how = fmt.Sprintf("it was ended by signal %d", s.Signal)
	}
	text, hint := m.log.fatal()
	if text == "" {
		text = "it gave no reason; see its log"
	}
	if hint == "" {
		hint = startHint(text)
	}
	return &fault.Error{Op: "run the server", Path: m.dir, Hint: hint, Err: fmt.Errorf("%s: %s", how, text)}
}

// LostWAL is in the server's message where the write-ahead log does not have the checkpoint that pg_control names: InitWalRecovery in
// src/backend/access/transam/xlogrecovery.c.
const LostWAL = "could not locate a valid checkpoint record"

// startHint adds what to do to messages of the server that do not say it.
func startHint(text string) string {
	for _, h := range []struct{ text, hint string }{
		{LostWAL, "its write-ahead log is lost or damaged: restore a backup into another directory"},
		{"locale", "the locales are C, POSIX, C.UTF-8, the builtin ones and ICU's: dump the cluster with its own server and restore it into a new one"},
		{"could not access file", "remove the name from shared_preload_libraries, or name what has its module in Config.ExtensionDirs or Config.Extensions"},
		{"shared memory", "lower shared_buffers or max_connections"},
		{"could not fork", "raise the limits of address space, threads and open files of this program (ulimit -v, -u and -n)"},
		{"server certificate file", "the server sees the data directory alone: put server.crt and server.key there, or set ssl = off"},
		{"No space left on device", "make room on the file system, then start again; nothing is lost"},
		{"configuration file", "correct postgresql.conf in the data directory; the log names the line"},
	} {
		if strings.Contains(text, h.text) {
			return h.hint
		}
	}
	return ""
}

// readyPoll is how often postmaster.pid is looked at while the server starts, which takes about 15 ms.
const readyPoll = time.Millisecond

// waitReady returns when connections are accepted. On error the server has been stopped.
func (m *Postmaster) waitReady(ctx context.Context) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		f, err := readPidFile(m.dir)
		if err == nil && f.PID == m.p.Pid() && (f.Status == "ready" || f.Status == "standby") {
			return nil
		}
		select {
		case <-m.done:
			if m.err == nil {
				return &fault.Error{Op: opStart, Path: m.dir, Err: errors.New("it ended at once, without an error")}
			}
			return m.err
		case <-ctx.Done():
			m.p.Signal(abi.SIGQUIT)
			m.wait(quitTime)
			return fmt.Errorf("%s: %w", opStart, ctx.Err())
		case <-tick.C:
		}
	}
}

// quitTime is what an immediate shutdown may take before the processes are killed. PostgreSQL's own
// limit for its children is 5 s (SIGKILL_CHILDREN_AFTER_SECS, postmaster.c).
const quitTime = 6 * time.Second

// wait waits for the end, and kills what is left after d.
func (m *Postmaster) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-m.done:
	case <-t.C:
		m.k.Close()
		<-m.done
	}
}

// Stop makes a fast shutdown: clients are disconnected, a checkpoint is written. It returns when
// everything has ended. If ctx ends before, the server is stopped as by a crash, which loses no
// committed transaction but makes the next start recover; Stop then says so in its error.
func (m *Postmaster) Stop(ctx context.Context) error {
	m.p.Signal(abi.SIGINT)
	select {
	case <-m.done:
		return m.err
	case <-ctx.Done():
	}
	m.p.Signal(abi.SIGQUIT)
	m.wait(quitTime)
	return &fault.Error{
		Op: "stop the server", Path: m.dir, Err: fmt.Errorf("the checkpoint did not end in time: %w", ctx.Err()),
		Hint: "nothing committed is lost; the next start recovers from the write-ahead log",
	}
}

// Push hands over a connection. It owns conn.FD in any case.
func (m *Postmaster) Push(conn kernel.Conn) error { return m.k.Push(m.socket, conn) }

// Done is closed when the server and everything it started has ended.
func (m *Postmaster) Done() <-chan struct{} { return m.done }

// Err says how the server ended: nil for an orderly shutdown. It is valid once Done is closed.
func (m *Postmaster) Err() error { return m.err }

// Kernel returns the kernel that the server runs on.
func (m *Postmaster) Kernel() *kernel.Kernel { return m.k }
