package pack_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/extensions/pack"
)

// serve starts a server with the pack.
func serve(t *testing.T, settings map[string]string) *embeddedpg.Server {
	t.Helper()
	all := map[string]string{"fsync": "off"}
	maps.Copy(all, settings)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s, err := embeddedpg.Start(ctx, embeddedpg.Config{Extensions: []fs.FS{pack.FS()}, Settings: all})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, s *embeddedpg.Server, database string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.ConnString(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.WithoutCancel(t.Context())) })
	return c
}

// TestCreate creates each extension of the pack in a database of its own, on a server that preloads what wants that, and loads
// each module that no extension brings.
func TestCreate(t *testing.T) {
	var preload []string
	for _, e := range pack.List() {
		if len(e.Preload) > 0 {
			preload = append(preload, e.Name)
		}
	}
	s := serve(t, pack.Settings("cron", preload...))
	admin := connect(t, s, "postgres")
	for _, e := range pack.List() {
		name := "x_" + e.Name
		if e.Name == "pg_cron" {
			name = "cron"
		}
		if _, err := admin.Exec(t.Context(), fmt.Sprintf("CREATE DATABASE %q", name)); err != nil {
			t.Fatal(err)
		}
		c := connect(t, s, name)
		sql, module := fmt.Sprintf("CREATE EXTENSION %q CASCADE", e.Name), fmt.Sprintf("LOAD '%s'", e.Name)
		if e.Module {
			sql = module
		}
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		if e.Module {
			continue
		}
		var version string
		if err := c.QueryRow(t.Context(), "SELECT extversion FROM pg_extension WHERE extname = $1", e.Name).Scan(&version); err != nil || version != e.Version {
			t.Errorf("%s: version %q, want %q: %v", e.Name, version, e.Version, err)
		}
		c.Close(t.Context())
	}
}

// TestUse has three extensions do something.
func TestUse(t *testing.T) {
	s := serve(t, pack.Settings("postgres", "pg_cron"))
	c := connect(t, s, "postgres")
	for _, q := range []struct{ sql, want string }{
		{"CREATE EXTENSION pg_cron", ""},
		{"CREATE EXTENSION semver", ""},
		{"CREATE EXTENSION hypopg", ""},
		{"CREATE TABLE t AS SELECT generate_series(1, 10000) AS a", ""},
		{"SELECT ('1.2.3'::semver < '1.10.0'::semver)::text", "true"},
		{"SELECT count(*)::text FROM hypopg_create_index('CREATE INDEX ON t (a)')", "1"},
		{"SELECT cron.schedule('each second', '1 second', 'CREATE TABLE IF NOT EXISTS ran ()') > 0", "true"},
	} {
		var got string
		if q.want == "" {
			if _, err := c.Exec(t.Context(), q.sql); err != nil {
				t.Fatalf("%s: %v", q.sql, err)
			}
		} else if err := c.QueryRow(t.Context(), "SELECT ("+q.sql+")::text").Scan(&got); err != nil || got != q.want {
			t.Errorf("%s: %q, want %q: %v", q.sql, got, q.want, err)
		}
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var ran bool
		if err := c.QueryRow(t.Context(), "SELECT to_regclass('ran') IS NOT NULL").Scan(&ran); err != nil {
			t.Fatal(err)
		}
		if ran {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the job has not run")
		}
	}
}

// TestList: the list is in order, and every extension has its files and a licence.
func TestList(t *testing.T) {
	names := map[string]bool{}
	for _, e := range pack.List() {
		names[e.Name] = true
		file := e.Name + ".control"
		if e.Module {
			file = e.Name + ".so"
		}
		if _, err := fs.Stat(pack.FS(), file); err != nil || e.Version == "" || e.Licence == "" {
			t.Errorf("%+v: %v", e, err)
		}
		if found, ok := pack.Find(e.Name); !ok || found.Version != e.Version {
			t.Errorf("%s is not found", e.Name)
		}
	}
	if !slices.IsSortedFunc(pack.List(), func(a, b pack.Extension) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not in order")
	}
	text, err := pack.Licenses()
	if err != nil || !strings.Contains(text, "pg_cron") {
		t.Errorf("notices of %d bytes: %v", len(text), err)
	}
	got := pack.Settings("shop", "pg_cron", "hypopg", "auto_explain", "pg_cron")
	if got["shared_preload_libraries"] != "pg_cron,auto_explain" || got["cron.database_name"] != "shop" {
		t.Error(got)
	}
}
