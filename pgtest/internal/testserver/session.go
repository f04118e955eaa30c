package testserver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"nself.org/embeddedpg/internal/migrate"
	"nself.org/embeddedpg/internal/sqlwire"
)

// Session is what one test binary may ask of a server, by package net/rpc: over a Unix socket, or a pipe in memory if
// the server is its own. Its methods and their arguments are exported for that package alone.
type Session struct {
	server *Server
	hub    *hub

	mu       sync.Mutex
	building map[string]*template // by key: those that this client makes
}

// Arguments and results of Session's methods.
type (
	Empty       struct{}
	BeginResult struct {
		Name  string
		Ready bool // nothing is left to do
	}
	ExecArgs struct{ Database, SQL string }
	RunArgs  struct {
		Database, Path string
		Tool           migrate.Tool
		Parts          []migrate.Part
	}
	CloneArgs struct{ Template, Test string }
	ResetArgs struct{ Name, Template string }
)

// limit bounds what the server does for one call.
const limit = 5 * time.Minute

func (s *Session) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.hub.ctx, limit)
}

// Hello returns how to connect.
func (s *Session) Hello(_ Empty, info *Info) error {
	*info = s.server.info
	return nil
}

// Exec runs SQL in a database.
func (s *Session) Exec(a ExecArgs, _ *Empty) error {
	ctx, cancel := s.context()
	defer cancel()
	return s.hub.exec(ctx, a.Database, a.SQL)
}

// Run runs a script in a database.
func (s *Session) Run(a RunArgs, _ *Empty) error {
	ctx, cancel := s.context()
	defer cancel()
	c, err := s.hub.open(ctx, a.Database)
	if err != nil {
		return err
	}
	defer c.Close()
	return migrate.Run{Path: a.Path}.Do(ctx, script{c}, a.Tool, a.Parts)
}

// script is a connection for package migrate.
type script struct{ *sqlwire.Conn }

func (script) Explain(err error) (code string, position int) {
	var told *sqlwire.Error
	if errors.As(err, &told) {
		return told.Code, told.Position
	}
	return "", 0
}

// Begin returns the template of a key if there is one. Else it makes a database for it, which the caller migrates, and then
// calls Seal or Abandon. Who asks for the same key meanwhile waits.
func (s *Session) Begin(key string, r *BeginResult) error {
	h := s.hub
	h.mu.Lock()
	t := h.mu.templates[key]
	if t == nil {
		t = &template{name: "template_" + key}
		h.mu.templates[key] = t
	}
	blank := h.mu.templates[Blank]
	h.mu.Unlock()
	t.mu.Lock()
	if t.made {
		t.mu.Unlock()
		*r = BeginResult{t.name, true}
		return nil
	}
	ctx, cancel := s.context()
	defer cancel()
	name := h.newName("migrate_" + key)
	if err := h.clone(ctx, blank, name); err != nil {
		t.mu.Unlock()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.building[key] = &template{name: name}
	*r = BeginResult{name, false}
	return nil
}

// Seal makes the migrated database the template of its key.
func (s *Session) Seal(key string, name *string) error {
	b, t, err := s.built(key)
	if err != nil {
		return err
	}
	defer t.mu.Unlock()
	ctx, cancel := s.context()
	defer cancel()
	if err := s.hub.freeze(ctx, b.name, t); err != nil {
		s.hub.dropNow(b.name)
		return err
	}
	s.hub.dropNow(b.name)
	*name = t.name
	return nil
}

// Abandon gives a template up that could not be made; the next one to ask for it tries again.
func (s *Session) Abandon(key string, _ *Empty) error {
	b, t, err := s.built(key)
	if err != nil {
		return err
	}
	t.mu.Unlock()
	s.hub.dropNow(b.name)
	return nil
}

// built returns the database that this client has migrated, and the template it is for, whose lock the caller releases.
func (s *Session) built(key string) (database, t *template, err error) {
	s.mu.Lock()
	database = s.building[key]
	delete(s.building, key)
	s.mu.Unlock()
	if database == nil {
		return nil, nil, errors.New("no template of that key is being made")
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return database, s.hub.mu.templates[key], nil
}

// freeze makes the template t a copy of a database, from which its sessions must have gone. Nobody is ever connected to
// the copy.
func (h *hub) freeze(ctx context.Context, from string, t *template) error {
	open, err := h.quiet(ctx, from, 5*time.Second)
	if err != nil {
		return err
	}
	if len(open) > 0 {
		return fmt.Errorf("connections to the database are still open: %q", open)
	}
	if err := h.create(ctx, from, t.name, "ALLOW_CONNECTIONS false"); err != nil {
		return err
	}
	return h.seal(ctx, t)
}

// quiet waits until nobody is connected to a database, or the time is over, and returns who is.
func (h *hub) quiet(ctx context.Context, name string, wait time.Duration) ([]string, error) {
	for end := time.Now().Add(wait); ; time.Sleep(5 * time.Millisecond) {
		open, err := h.sessions(ctx, name)
		if err != nil || len(open) == 0 || time.Now().After(end) {
			return open, err
		}
	}
}

// Clone makes a test's database and returns its name.
func (s *Session) Clone(a CloneArgs, name *string) error {
	ctx, cancel := s.context()
	defer cancel()
	t, err := s.hub.find(a.Template)
	if err != nil {
		return err
	}
	*name = s.hub.newName(a.Test)
	return s.hub.clone(ctx, t, *name)
}

// find returns the template of a name.
func (h *hub) find(name string) (*template, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.mu.templates {
		if t.name == name {
			return t, nil
		}
	}
	return nil, fmt.Errorf("there is no template %s", name)
}

// Reset replaces a database by a new clone of a template.
func (s *Session) Reset(a ResetArgs, _ *Empty) error {
	ctx, cancel := s.context()
	defer cancel()
	h := s.hub
	t, err := h.find(a.Template)
	if err != nil {
		return err
	}
	old := h.newName("reset")
	name, aside := sqlwire.Identifier(a.Name), sqlwire.Identifier(old)
	if _, err := h.query(ctx, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = "+sqlwire.Literal(a.Name)); err != nil {
		return err
	}
	if _, err := h.query(ctx, "ALTER DATABASE "+name+" RENAME TO "+aside); err != nil {
		return err
	}
	h.dropNow(old)
	return h.clone(ctx, t, a.Name)
}

// Save makes a template of a test's database and returns its name.
func (s *Session) Save(from string, name *string) error {
	ctx, cancel := s.context()
	defer cancel()
	t := &template{name: s.hub.newName("saved")}
	if err := s.hub.freeze(ctx, from, t); err != nil {
		return err
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.mu.templates[t.name] = t
	*name = t.name
	return nil
}

// SessionsArgs name a database, and how long its clients have to leave.
type SessionsArgs struct {
	Name string
	Wait time.Duration
}

// Sessions describes who is connected to a database.
func (s *Session) Sessions(a SessionsArgs, open *[]string) (err error) {
	ctx, cancel := s.context()
	defer cancel()
	*open, err = s.hub.quiet(ctx, a.Name, a.Wait)
	return err
}

// Drop gives a database up.
func (s *Session) Drop(name string, _ *Empty) error {
	s.hub.drop(name)
	return nil
}

// KeepArgs name a database, and the directory of the package whose test has failed.
type KeepArgs struct{ Name, Package string }

// Keep makes the server's files stay, and returns the directory in which they are once the server has ended. With synchronous_commit off, what was committed last is in
// memory alone, and the process may end at any time now: hence the checkpoint.
func (s *Session) Keep(a KeepArgs, dir *string) error {
	ctx, cancel := s.context()
	defer cancel()
	if _, err := s.hub.query(ctx, "CHECKPOINT"); err != nil {
		return err
	}
	kept, err := s.server.keep(a.Package)
	*dir = kept
	return err
}

// end gives up what a client left in the making.
func (s *Session) end() {
	s.mu.Lock()
	keys := make([]string, 0, len(s.building))
	for key := range s.building {
		keys = append(keys, key)
	}
	s.mu.Unlock()
	for _, key := range keys {
		_ = s.Abandon(key, &Empty{})
	}
}
