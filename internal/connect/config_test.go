package connect_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/internal/connect"
	"nself.org/embeddedpg/internal/testenv"
)

func parse(t *testing.T, s connect.Server) *pgconn.Config {
	t.Helper()
	c, err := connect.Config(s.URL(), pgconn.ParseConfig, func(c *pgconn.Config) *pgconn.Config { return c })
	if err != nil {
		t.Fatal(err)
	}
	// Functions cannot be compared, and ValidateConnect is the only one that the environment may set.
	if c.ValidateConnect != nil {
		t.Error("what the server is is looked at")
	}
	c.DialFunc, c.LookupFunc, c.BuildFrontend, c.BuildContextWatcherHandler, c.OnPgError = nil, nil, nil, nil, nil
	return c
}

// cleanEnv takes what libpq reads out of the environment, and gives it an empty home.
func cleanEnv(t *testing.T) {
	for _, v := range testenv.Libpq {
		t.Setenv(v.Name, "")
		os.Unsetenv(v.Name)
	}
	t.Setenv("HOME", t.TempDir())
}

func TestConfigIgnoresEnvironment(t *testing.T) {
	cleanEnv(t)
	for name, s := range map[string]connect.Server{
		"socket": {Host: "/tmp/R&D a+b", Port: 6543, User: "me", Password: "p", Database: "d"},
		"tcp":    {Host: "127.0.0.1", Port: 6543, User: "me", Password: "p", Database: "d"},
		"trust":  {Host: "/tmp/x", Port: 6543, User: "me", Database: "d"},
	} {
		want := parse(t, s)
		if want.Host != s.Host || int(want.Port) != s.Port || want.User != s.User || want.Password != s.Password || want.Database != s.Database || len(want.RuntimeParams) != 0 || len(want.Fallbacks) != 0 || want.TLSConfig != nil {
			t.Errorf("%s: %+v", name, want)
		}
		for _, v := range testenv.Libpq {
			t.Run(name+"/"+v.Name, func(t *testing.T) {
				t.Setenv(v.Name, v.Value)
				if got := parse(t, s); !reflect.DeepEqual(got, want) {
					t.Errorf("%s=%s changes\n%+v to\n%+v", v.Name, v.Value, want, got)
				}
			})
		}
	}
}

// TestForeign: a person's URL may have parameters, and need not.
func TestForeign(t *testing.T) {
	cleanEnv(t)
	for _, address := range []string{"postgresql://me@example.org:6543/d", "postgres://me@example.org:6543/d?sslmode=disable", "postgresql://me@example.org:6543/d?"} {
		c, err := connect.Foreign(address, pgconn.ParseConfig, func(c *pgconn.Config) *pgconn.Config { return c })
		if err != nil || c.Host != "example.org" || c.Port != 6543 || c.User != "me" || c.Database != "d" {
			t.Errorf("%s: %+v, %v", address, c, err)
		}
	}
}

// TestConfigIgnoresFiles has the files that a driver reads without being told to.
func TestConfigIgnoresFiles(t *testing.T) {
	cleanEnv(t)
	s := connect.Server{Host: "/tmp/x", Port: 5432, User: "me", Database: "d"}
	tcp := connect.Server{Host: "127.0.0.1", Port: 5432, User: "me", Database: "d"}
	want, wantTCP := parse(t, s), parse(t, tcp)
	home := os.Getenv("HOME")
	for name, text := range map[string]string{
		".pgpass": "*:*:*:*:secret\n", ".pg_service.conf": "[prod]\nhost=prod\nuser=admin\noptions=-c x=y\nsearch_path=zzz\n",
		".postgresql/root.crt": "damaged", ".postgresql/postgresql.crt": "damaged", ".postgresql/postgresql.key": "damaged",
	} {
		file := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, service := range []string{"", "prod"} {
		t.Setenv("PGSERVICE", service)
		if got := parse(t, s); !reflect.DeepEqual(got, want) {
			t.Errorf("PGSERVICE=%s: %+v", service, got)
		}
		if got := parse(t, tcp); !reflect.DeepEqual(got, wantTCP) {
			t.Errorf("PGSERVICE=%s, TCP: %+v", service, got)
		}
	}
	// A person's own server is reached with a person's own password.
	t.Setenv("PGSERVICE", "")
	c, err := connect.Foreign("postgresql://me@db.example.org/d?sslmode=disable", pgconn.ParseConfig, func(c *pgconn.Config) *pgconn.Config { return c })
	if err != nil || c.Password != "secret" || c.Host != "db.example.org" {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := pgconn.ParseConfig("postgresql://me@/d?host=/tmp/x"); err != nil || c.Password != "secret" {
		t.Errorf("the files of this test change nothing for a driver either: %+v, %v", c, err)
	}
}

// TestURL reads back what was written, whatever is in it.
func TestURL(t *testing.T) {
	cleanEnv(t)
	for _, odd := range []string{"/tmp/a+b", "/tmp/R&D", "/tmp/100% {x}", "/tmp/a=b;c#d?e", "/tmp/ü €", "/tmp/%2F%20"} {
		s := connect.Server{Host: odd, Port: 5432, User: "u" + odd, Password: "p" + odd, Database: "d" + odd}
		c, err := pgconn.ParseConfig(s.URL())
		if err != nil || c.Host != s.Host || c.User != s.User || c.Password != s.Password || c.Database != s.Database {
			t.Errorf("%s: %+v, %v", s.URL(), c, err)
		}
	}
	s := connect.Server{Host: "::1", Port: 5432, User: "u", Database: "d"}
	if got := s.URL(); got != "postgresql://u@[::1]:5432/d?sslmode=disable" {
		t.Error(got)
	}
}
