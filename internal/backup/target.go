package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/internal/connect"
	"nself.org/embeddedpg/internal/pgclient"
)

// Target is how a server is reached.
type Target struct {
	Host     string // directory of the Unix socket, or a host name
	Port     int
	User     string // a superuser
	Password string
	SSLMode  string // libpq's; "": disable
	CacheDir string // of compiled code; "": the default

	compile func(time.Duration) // is told when programs are compiled; nil: nobody
	input   string              // path of which read counts the bytes that programs read; "": none
	read    *atomic.Int64
}

// Scratch starts a server on a data directory, or on a temporary one if dir is empty, until stop is called. Its settings
// win over those of the directory.
type Scratch func(ctx context.Context, dir string, settings map[string]string) (t Target, stop func() error, err error)

func (t Target) server(database string) connect.Server {
	return connect.Server{Host: t.Host, Port: t.Port, User: t.User, Password: t.Password, Database: database, SSLMode: t.SSLMode}
}

// connect opens a session. Its messages go nowhere.
func (t Target) connect(ctx context.Context, database string) (*session, error) {
	cfg, err := connect.Config(t.server(database).URL(), pgconn.ParseConfig, func(c *pgconn.Config) *pgconn.Config { return c })
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams = map[string]string{"application_name": "nself backup", "client_encoding": "UTF8"}
	c, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &session{c}, nil
}

// session is a connection with answers as text.
type session struct{ *pgconn.PgConn }

// query returns the rows of one statement; NULL is "".
func (s *session) query(ctx context.Context, sql string, args ...string) ([][]string, error) {
	values := make([][]byte, len(args))
	for i, a := range args {
		values[i] = []byte(a)
	}
	r := s.ExecParams(ctx, sql, values, nil, nil, nil).Read()
	if r.Err != nil {
		return nil, r.Err
	}
	rows := make([][]string, len(r.Rows))
	for i, row := range r.Rows {
		for _, v := range row {
			rows[i] = append(rows[i], string(v))
		}
	}
	return rows, nil
}

// one returns the first value of the first row; "" if there is none.
func (s *session) one(ctx context.Context, sql string, args ...string) (string, error) {
	rows, err := s.query(ctx, sql, args...)
	if err != nil || len(rows) == 0 || len(rows[0]) == 0 {
		return "", err
	}
	return rows[0][0], nil
}

// exec runs statements without parameters, each for itself.
func (s *session) exec(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := s.Exec(ctx, sql).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}

// close ends the session also where ctx has ended already.
func (s *session) close() { _ = s.Close(context.Background()) }

// identifier quotes a name.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal quotes a string constant, whatever standard_conforming_strings is.
func literal(s string) string {
	s = strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		return "E'" + strings.ReplaceAll(s, `\`, `\\`) + "'"
	}
	return "'" + s + "'"
}

// run runs a client program on the server. line gets each line that it writes to either output. The error of a program
// that fails is what it said.
func (t Target) run(ctx context.Context, database string, line func(string), name string, args ...string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	said := make(chan string, 1)
	go func() {
		defer r.Close()
		said <- listen(r, line)
	}()
	env := t.server(database).Environment()
	env["PGAPPNAME"] = "nself backup"
	code, err := pgclient.Run(ctx, pgclient.Command{
		Name: name, Args: args, Library: true, CacheDir: t.CacheDir, Stdout: w, Stderr: w, Env: env, Compile: t.compile, Input: t.input, Read: t.read,
	})
	w.Close()
	text := <-said
	switch {
	case err != nil:
		return err
	case code == 0:
		return nil
	case text == "":
		text = "it gave no reason"
	}
	return fmt.Errorf("%s ended with code %d: %w", name, code, errors.New(text))
}

// keptLines bounds what is kept of a program's output for its error.
const keptLines = 12

// listen reads lines to the end, and returns those that tell of an error, or the last ones if none does.
func listen(r io.Reader, line func(string)) string {
	var bad, last []string
	lines := bufio.NewReader(r)
	for {
		s, err := lines.ReadString('\n')
		s = strings.TrimRight(s, "\r\n")
		if s != "" {
			if line != nil {
				line(s)
			}
			last = append(last, s)
			last = last[max(0, len(last)-keptLines):]
			isError := strings.Contains(s, "error:") || strings.Contains(s, "ERROR:") || strings.Contains(s, "FATAL:")
			if (isError || len(bad) > 0) && len(bad) < keptLines {
				bad = append(bad, s)
			}
		}
		if err != nil {
			break
		}
	}
	if len(bad) > 0 {
		return strings.Join(bad, "\n")
	}
	return strings.Join(last, "\n")
}
