// Package testserver is the server behind package pgtest: where its files are, the cluster it is copied from, the
// templates and databases on it, and the process that serves several test binaries. Package pgtest is what tests see.
package testserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/listen"
)

// Server is a server for tests. Its methods are safe for concurrent use.
type Server struct {
	pg      *embeddedpg.Server
	hub     *hub
	dir     *hostdir.Temp
	log     *os.File
	info    Info
	stop    context.CancelFunc
	clients sync.WaitGroup

	mu struct {
		sync.Mutex
		kept string // where the files stay; "" if they go
	}
}

// Info is how to connect to a server.
type Info struct {
	SocketDir string
	Port      int
	User      string
	Password  string
}

// Names in the server's directory, which package open's command knows too.
const (
	dirPrefix    = "pgtest-"
	DataName     = "data"
	PasswordName = "password"
	logName      = "server.log"
)

// port is PostgreSQL's own: sockets are told apart by their directories.
const port = 5432

// defaults make a server quick and forgetful. The write-ahead log has what a snapshot needs.
var defaults = map[string]string{
	"autovacuum":         "off",
	"checkpoint_timeout": "1d",
	"fsync":              "off",
	"full_page_writes":   "off",
	"io_method":          "sync",
	"max_connections":    "300",
	"synchronous_commit": "off",
	"wal_init_zero":      "off",
	"wal_recycle":        "off",
}

// Start starts a server with the settings on top of the defaults. Its files go with the process.
func Start(ctx context.Context, settings map[string]string) (s *Server, err error) {
	seed, err := cluster.OpenSeed(image.Cluster())
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	if err := seed.Identify(cluster.NewIdentity(password)); err != nil {
		return nil, err
	}
	s = &Server{}
	if s.dir, err = hostdir.MakeTemp(parent(), dirPrefix); err != nil {
		return nil, err
	}
	s.dir.RemoveAtExit()
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	data := filepath.Join(s.dir.Path(), DataName)
	all := maps.Clone(defaults)
	maps.Copy(all, settings)
	// Nobody connects to a template while the server starts, unless it is autovacuum: they are written meanwhile.
	templates := []string{template0Dir}
	vacuumed := all["autovacuum"] != defaults["autovacuum"]
	if !vacuumed {
		templates = append(templates, template1Dir)
	}
	writeTemplates, err := seed.Write(data, templates...)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(s.dir.Path(), PasswordName), []byte(password), 0o600); err != nil {
		return nil, err
	}
	if s.log, err = os.Create(filepath.Join(s.dir.Path(), logName)); err != nil {
		return nil, err
	}
	cfg := embeddedpg.Config{
		DataDir: data, Password: password, Port: port,
		Settings: all, Log: slog.NewTextHandler(s.log, nil),
	}
	if listen.CheckSocketDir(s.dir.Path(), port) == nil {
		cfg.SocketDir = s.dir.Path()
	}
	written := make(chan error, 1)
	go func() { written <- writeTemplates() }()
	s.pg, err = embeddedpg.Start(ctx, cfg)
	if err = errors.Join(err, <-written); err != nil {
		return nil, err
	}
	s.info = Info{SocketDir: s.pg.SocketDir(), Port: port, User: user, Password: password}
	life, stop := context.WithCancel(context.Background())
	s.stop = stop
	// Autovacuum would write to templates.
	var blank *cluster.Files
	if !vacuumed {
		blank = seed.Below(template1Dir)
	}
	s.hub = newHub(life, s.pg, blank)
	return s, nil
}

// ServeConn serves a client until conn ends.
func (s *Server) ServeConn(conn net.Conn) {
	s.clients.Add(1)
	defer s.clients.Done()
	session := &Session{server: s, hub: s.hub, building: map[string]*template{}}
	defer session.end()
	r := rpc.NewServer()
	if err := r.RegisterName("Session", session); err != nil {
		panic(err) // the methods do not fit
	}
	r.ServeConn(conn)
}

// Dial connects within this process.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) { return s.pg.Dial(ctx) }

// Close stops the server, once its clients have gone, and removes its files unless they are kept.
func (s *Server) Close() error {
	s.clients.Wait()
	var errs []error
	if s.hub != nil {
		s.hub.close()
	}
	if s.stop != nil {
		s.stop()
	}
	if s.pg != nil {
		errs = append(errs, s.pg.Close())
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.kept != "" {
		return errors.Join(append(errs, s.dir.Release())...)
	}
	return errors.Join(append(errs, s.dir.Remove())...)
}

// keep makes the server's files stay, and removes what an earlier failure in the same package has left: a link beside them
// tells. It returns where they are once the server has ended: not in memory, unless the user has chosen that.
func (s *Server) keep(pkg string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.kept == "" {
		beside := ""
		if filepath.Dir(s.dir.Path()) == hostdir.Memory() && os.Getenv(dirEnv) == "" {
			beside = os.TempDir()
		}
		dir, err := s.dir.Keep(beside, keptPrefix)
		if err != nil {
			return "", err
		}
		s.mu.kept = dir
	}
	link := filepath.Join(filepath.Dir(s.mu.kept), fmt.Sprintf("%slast-%d-%s", dirPrefix, os.Geteuid(), hash(pkg)))
	old, err := os.Readlink(link)
	if err == nil && old == s.mu.kept {
		return s.mu.kept, nil
	}
	if err == nil && filepath.Dir(old) == filepath.Dir(link) && strings.HasPrefix(filepath.Base(old), dirPrefix) {
		hostdir.RemoveKept(old)
	}
	os.Remove(link)
	_ = os.Symlink(s.mu.kept, link) // without it the files stay longer
	return s.mu.kept, nil
}

// hash shortens a text to a name.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return fmt.Sprintf("%x", sum[:8])
}
