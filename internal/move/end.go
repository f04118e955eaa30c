package move

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/connect"
	"nself.org/embeddedpg/internal/fault"
)

// End is one of the two databases.
type End struct {
	backup.Target
	Database string
}

// application is the name of our sessions.
const application = "nself move"

// open opens a session whose values are the same text on every server, with more settings.
func (e End) open(ctx context.Context, more map[string]string) (*session, error) {
	address := connect.Server{Host: e.Host, Port: e.Port, User: e.User, Password: e.Password, Database: e.Database, SSLMode: e.SSLMode}.URL()
	cfg, err := connect.Config(address, pgconn.ParseConfig, func(c *pgconn.Config) *pgconn.Config { return c })
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams = maps.Clone(backup.AsText)
	maps.Copy(cfg.RuntimeParams, map[string]string{
		"application_name": application, "client_encoding": "UTF8", "default_transaction_read_only": "off", "synchronous_commit": "on",
	})
	maps.Copy(cfg.RuntimeParams, more)
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
	r := s.ExecParams(ctx, sql, values(args...), nil, nil, nil).Read()
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

func values(args ...string) [][]byte {
	all := make([][]byte, len(args))
	for i, a := range args {
		all[i] = []byte(a)
	}
	return all
}

// one returns the first value of the first row; "" if there is none.
func (s *session) one(ctx context.Context, sql string, args ...string) (string, error) {
	rows, err := s.query(ctx, sql, args...)
	if err != nil || len(rows) == 0 || len(rows[0]) == 0 {
		return "", err
	}
	return rows[0][0], nil
}

// column returns the first column.
func (s *session) column(ctx context.Context, sql string, args ...string) ([]string, error) {
	rows, err := s.query(ctx, sql, args...)
	var all []string
	for _, r := range rows {
		all = append(all, r[0])
	}
	return all, err
}

// script runs statements that have no parameters. Those of one text are one transaction.
func (s *session) script(ctx context.Context, texts ...string) error {
	for _, sql := range texts {
		if _, err := s.Exec(ctx, sql).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}

// close ends the session also where ctx has ended already.
func (s *session) close() {
	if s != nil {
		_ = s.Close(context.Background())
	}
}

// version is the server's major version.
func (s *session) version() int {
	text := s.ParameterStatus("server_version") // "15.14 (Debian 15.14-0+deb12u1)", "19beta1"
	n, _ := strconv.Atoi(text[:len(text)-len(strings.TrimLeft(text, "0123456789"))])
	return n
}

// identifier quotes a name.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal quotes a string constant, whatever standard_conforming_strings is.
func literal(s string) string {
	s = strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		return " E'" + strings.ReplaceAll(s, `\`, `\\`) + "'"
	}
	return "'" + s + "'"
}

// ParseEnd reads a person's URL. The password may be in PGPASSWORD or ~/.pgpass.
func ParseEnd(address string) (End, error) {
	cfg, err := connect.Foreign(address, pgconn.ParseConfig, func(c *pgconn.Config) *pgconn.Config { return c })
	u, parseErr := url.Parse(address)
	if err != nil || parseErr != nil || u.Scheme == "" { // the error may show the password
		return End{}, &fault.Error{Op: "use the URL", Err: errors.New("it is not a PostgreSQL URL"), Hint: "such as postgresql://postgres@db.example.org/app?sslmode=require"}
	}
	e := End{Target: backup.Target{Host: cfg.Host, Port: int(cfg.Port), User: cfg.User, Password: cfg.Password, SSLMode: "disable"}, Database: cfg.Database}
	if cfg.TLSConfig != nil || len(cfg.Fallbacks) > 0 {
		e.SSLMode = cmp.Or(u.Query().Get("sslmode"), os.Getenv("PGSSLMODE"), "prefer")
	}
	return e, nil
}
