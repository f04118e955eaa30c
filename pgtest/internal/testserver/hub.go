package testserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/sqlwire"
)

// hub makes templates on a server, and databases of them.
type hub struct {
	server *embeddedpg.Server
	files  bool            // databases are cloned as files; see clone
	ctx    context.Context // ends with the hub
	idle   chan *sqlwire.Conn

	mu struct {
		sync.Mutex
		templates map[string]*template // by key
		databases map[string]*template // by name: what each was cloned from
		count     int
		done      []string // databases of tests that have ended, oldest first
		doneSize  int64
	}
	drops sync.WaitGroup
}

// template is a database to clone.
type template struct {
	name     string
	mu       sync.Mutex     // held while it is made
	contents *cluster.Files // nil: CREATE DATABASE clones it
	size     int64          // bytes
	made     bool
}

const (
	user        = "postgres"
	maintenance = "postgres"
	application = "pgtest"
)

// sessionsKept bounds the sessions that are kept open for the next call.
const sessionsKept = 4

// newHub returns the hub of a server on which nobody has been yet. blank is what template1 consists of; without it
// databases are made by CREATE DATABASE.
func newHub(ctx context.Context, server *embeddedpg.Server, blank *cluster.Files) *hub {
	h := &hub{server: server, files: blank != nil, ctx: ctx, idle: make(chan *sqlwire.Conn, sessionsKept)}
	t := &template{name: Blank, contents: blank, size: blankSize, made: true}
	h.mu.templates = map[string]*template{Blank: t}
	h.mu.databases = map[string]*template{}
	return h
}

// template1Dir and template0Dir are the directories of the databases whose OIDs are fixed (pg_database.dat), and blankSize is about
// what one takes: bytes.
const (
	template1Dir = "base/1"
	template0Dir = "base/4"
	blankSize    = 8 << 20
)

// Blank is the key and the name of the template without migrations.
const Blank = "template1"

// query runs SQL in the maintenance database.
func (h *hub) query(ctx context.Context, sql string) ([][]string, error) {
	var c *sqlwire.Conn
	select {
	case c = <-h.idle:
	default:
		var err error
		if c, err = h.open(ctx, maintenance); err != nil {
			return nil, err
		}
	}
	rows, err := c.Query(ctx, sql)
	if err != nil {
		c.Close() // it may be in any state
		return nil, err
	}
	select {
	case h.idle <- c:
	default:
		c.Close()
	}
	return rows, nil
}

func (h *hub) open(ctx context.Context, database string) (*sqlwire.Conn, error) {
	conn, err := h.server.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return sqlwire.Open(ctx, conn, user, database, application)
}

// exec runs SQL in one database.
func (h *hub) exec(ctx context.Context, database, sql string) error {
	c, err := h.open(ctx, database)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Query(ctx, sql)
	return err
}

// seal makes a database that nobody is connected to, and whose files are written, ready to be cloned.
func (h *hub) seal(ctx context.Context, t *template) error {
	rows, err := h.query(ctx, "SELECT oid, pg_database_size(oid) FROM pg_database WHERE datname = "+sqlwire.Literal(t.name))
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("the template %s is gone", t.name)
	}
	if _, err := fmt.Sscan(rows[0][1], &t.size); err != nil {
		return fmt.Errorf("read the size of template %s: %w", t.name, err)
	}
	if h.files {
		t.contents, err = readContents(h.base(rows[0][0]))
		if err != nil && !errors.Is(err, errTooLarge) {
			return err
		}
	}
	t.made = true
	return nil
}

// base is the directory of a database.
func (h *hub) base(oid string) string { return filepath.Join(h.server.DataDir(), "base", oid) }

// newName returns a name for a test's database.
func (h *hub) newName(test string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, test)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.count++
	return fmt.Sprintf("%.45s_%d", name, h.mu.count)
}

// clone makes a database of a template.
func (h *hub) clone(ctx context.Context, t *template, name string) error {
	var err error
	if t.contents == nil {
		err = h.create(ctx, t.name, name, "")
	} else {
		err = h.cloneFiles(ctx, t, name)
	}
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.databases[name] = t
	return nil
}

// create clones a database by CREATE DATABASE, which writes out what is in memory of it, unlogged tables included.
func (h *hub) create(ctx context.Context, from, name, options string) error {
	if _, err := h.query(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY FILE_COPY %s", sqlwire.Identifier(name), sqlwire.Identifier(from), options)); err != nil {
		return err
	}
	_, err := h.query(ctx, fmt.Sprintf(copySettings, sqlwire.Literal(from), "(SELECT oid FROM pg_database WHERE datname = "+sqlwire.Literal(name)+")"))
	return err
}

// copySettings copies what ALTER DATABASE ... SET has set, which CREATE DATABASE does not do.
const copySettings = `
	INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig)
	SELECT %[2]s, setrole, setconfig FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = %[1]s);`

// copyCatalog is what createdb in src/backend/commands/dbcommands.c does in the catalogs: %[1]s is the template's name,
// %[2]s the new OID, %[3]s the new name.
const copyCatalog = `
	INSERT INTO pg_database (oid, datname, datdba, encoding, datlocprovider, datistemplate, datallowconn, dathasloginevt,
		datconnlimit, datfrozenxid, datminmxid, dattablespace, datcollate, datctype, datlocale, daticurules, datcollversion)
	SELECT %[2]s, %[3]s, datdba, encoding, datlocprovider, false, true, dathasloginevt,
		-1, datfrozenxid, datminmxid, dattablespace, datcollate, datctype, datlocale, daticurules, datcollversion
	FROM pg_database WHERE datname = %[1]s;
	INSERT INTO pg_shdepend (dbid, classid, objid, objsubid, refclassid, refobjid, deptype)
	SELECT %[2]s, classid, objid, objsubid, refclassid, refobjid, deptype
	FROM pg_shdepend WHERE dbid = (SELECT oid FROM pg_database WHERE datname = %[1]s);`

// cloneFiles does what CREATE DATABASE ... STRATEGY FILE_COPY does, without its two checkpoints and without the server
// reading and writing each file: the template's files were written out when it was made, and nobody can change them.
// What is missing is the entry in the write-ahead log, which a standby would need.
func (h *hub) cloneFiles(ctx context.Context, t *template, name string) error {
	rows, err := h.query(ctx, "SELECT pg_nextoid('pg_database', 'oid', 'pg_database_oid_index')")
	if err != nil {
		return err
	}
	oid := rows[0][0]
	if err := t.contents.Write(h.base(oid)); err != nil {
		return err
	}
	from := sqlwire.Literal(t.name)
	_, err = h.query(ctx, "BEGIN; SET LOCAL allow_system_table_mods = on;"+
		fmt.Sprintf(copyCatalog, from, oid, sqlwire.Literal(name))+fmt.Sprintf(copySettings, from, oid)+"COMMIT")
	if err != nil {
		return errors.Join(err, os.RemoveAll(h.base(oid)))
	}
	return nil
}

// sessions describes the clients that are connected to a database.
func (h *hub) sessions(ctx context.Context, name string) ([]string, error) {
	rows, err := h.query(ctx, `
		SELECT format('process %s, application %L, %s, open for %s s, last statement: %s', pid, application_name, coalesce(state, 'unknown state'),
			round(extract(epoch FROM clock_timestamp() - backend_start), 1), coalesce(nullif(left(query, 200), ''), 'none'))
		FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = `+sqlwire.Literal(name)+` ORDER BY backend_start`)
	var list []string
	for _, r := range rows {
		list = append(list, r[0])
	}
	return list, err
}

// keptDone is how much the databases of tests that have ended may take before the oldest are dropped: bytes. A drop costs
// more than a clone, and a small suite needs none.
const keptDone = 256 << 20

// drop gives a database up.
func (h *hub) drop(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.mu.databases[name]
	if t == nil {
		return
	}
	h.mu.done = append(h.mu.done, name)
	h.mu.doneSize += t.size
	for h.mu.doneSize > keptDone && len(h.mu.done) > 0 {
		oldest := h.mu.done[0]
		h.mu.done = h.mu.done[1:]
		h.mu.doneSize -= h.mu.databases[oldest].size
		delete(h.mu.databases, oldest)
		h.dropNow(oldest)
	}
}

// dropNow drops a database in the background.
func (h *hub) dropNow(name string) {
	h.drops.Go(func() {
		_, _ = h.query(h.ctx, "DROP DATABASE "+sqlwire.Identifier(name)+" WITH (FORCE)") // what stays goes with the server
	})
}

// close ends the sessions; the server is the caller's.
func (h *hub) close() {
	h.drops.Wait()
	for {
		select {
		case c := <-h.idle:
			c.Close()
		default:
			return
		}
	}
}
