package compose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"

	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/cmd/nself/internal/docker"
	"nself.org/embeddedpg/cmd/nself/internal/project"
	"nself.org/embeddedpg/internal/fault"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	password = `Pass word/@:?#'"$x%1`
	admin    = "admin-secret-0123456789-0123456789"
	jwtKey   = "jwt-key-0123456789-0123456789-0123"
)

// newProject is a project called shop, with more variables.
func newProject(t *testing.T, more ...string) *project.Project {
	t.Helper()
	env := append([]string{
		"PROJECT_NAME=shop", "NSELF_EMBEDDED_PG=true", "POSTGRES_PASSWORD=" + password,
		"HASURA_GRAPHQL_ADMIN_SECRET=" + admin, "HASURA_JWT_KEY=" + jwtKey,
	}, more...)
	p, err := project.Load(t.TempDir(), env)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// systems are the situations that golden files are kept of, as docker.Find and Route see them.
var systems = []struct {
	name   string
	engine docker.Engine
	goos   string
	env    []string
	uid    int
}{
	{name: "linux", engine: docker.Engine{Gateway: "172.17.0.1"}, goos: "linux", uid: 1000},
	{name: "linux-tcp", engine: docker.Engine{Gateway: "172.17.0.1"}, goos: "linux", uid: 1000, env: []string{"NSELF_DB_ROUTE=tcp"}},
	{name: "rootless", engine: docker.Engine{Rootless: true}, goos: "linux", uid: 1000},
	{name: "rootless-tcp", engine: docker.Engine{Rootless: true}, goos: "linux", uid: 1000, env: []string{"NSELF_DB_ROUTE=tcp"}},
	{name: "macos", engine: docker.Engine{Desktop: true}, goos: "darwin", uid: 501},
	{name: "remote", engine: docker.Engine{Remote: true, Endpoint: "ssh://elsewhere"}, goos: "linux", uid: 1000},
	{name: "docker-postgres", engine: docker.Engine{Gateway: "172.17.0.1"}, goos: "linux", uid: 1000, env: []string{"NSELF_EMBEDDED_PG=false"}},
	{name: "plain-http", engine: docker.Engine{Gateway: "172.17.0.1"}, goos: "linux", uid: 0, env: []string{"SSL_MODE=none", "NGINX_HTTP_PORT=8000", "ENV=prod"}},
}

func options(t *testing.T, p *project.Project, engine docker.Engine, goos string, uid int) compose.Options {
	t.Helper()
	r, err := engine.Route(docker.RouteOptions{Wanted: p.Get("NSELF_DB_ROUTE"), Port: 5432, System: goos})
	if err != nil {
		t.Fatal(err)
	}
	return compose.Options{
		Route: r, SocketDir: "/run/user/1000/nself-0a1b2c3d/pg", Rootless: engine.Rootless, UID: uid, GID: uid,
		Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func build(t *testing.T, p *project.Project, o compose.Options) compose.Result {
	t.Helper()
	r, err := compose.Build(p, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func read(t *testing.T, p *project.Project, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// withoutHash takes out the hash of the certificate, which is another each time.
func withoutHash(text string) string {
	return regexp.MustCompile(`org.nself.config: [0-9a-f]{16}`).ReplaceAllString(text, "org.nself.config: HASH")
}

func TestGolden(t *testing.T) {
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) {
			p := newProject(t, s.env...)
			build(t, p, options(t, p, s.engine, s.goos, s.uid))
			for _, name := range []string{"docker-compose.yml", "nginx/nginx.conf", ".nself/env/hasura.env"} {
				golden := filepath.Join("testdata", s.name, filepath.Base(name))
				got := withoutHash(read(t, p, name))
				if *update {
					os.MkdirAll(filepath.Dir(golden), 0o755)
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("%s is not as in %s; if that is meant: go test ./internal/compose -update\n%s", name, golden, got)
				}
			}
		})
	}
}

// TestLoads reads the files back as Docker Compose does, and looks at what the containers would get.
func TestLoads(t *testing.T) {
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) {
			p := newProject(t, s.env...)
			build(t, p, options(t, p, s.engine, s.goos, s.uid))
			o, err := cli.NewProjectOptions([]string{filepath.Join(p.Dir, compose.File)}, cli.WithWorkingDirectory(p.Dir))
			if err != nil {
				t.Fatal(err)
			}
			c, err := o.LoadProject(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			var urls []string
			for _, name := range []string{"hasura", "auth"} {
				env := c.Services[name].Environment
				urls = append(urls, *env["HASURA_GRAPHQL_DATABASE_URL"])
				if *env["HASURA_GRAPHQL_ADMIN_SECRET"] != admin {
					t.Errorf("%s has another admin secret", name)
				}
				var jwt struct{ Type, Key string }
				if err := json.Unmarshal([]byte(*env["HASURA_GRAPHQL_JWT_SECRET"]), &jwt); err != nil || jwt.Type != "HS256" || jwt.Key != jwtKey {
					t.Errorf("%s: JWT secret %+v, %v", name, jwt, err)
				}
			}
			if urls[0] != urls[1] {
				t.Error("Hasura and Auth have different routes")
			}
			u, err := url.Parse(urls[0])
			if err != nil {
				t.Fatal(err)
			}
			if pw, _ := u.User.Password(); pw != password {
				t.Errorf("the password arrives as %q", pw)
			}
			for name, svc := range c.Services {
				if !slices.Equal(svc.CapDrop, []string{"ALL"}) || !slices.Contains(svc.SecurityOpt, "no-new-privileges:true") || svc.MemLimit == 0 || svc.PidsLimit == 0 || svc.CPUS == 0 || svc.HealthCheck == nil {
					t.Errorf("%s is not confined: %+v", name, svc)
				}
				for _, port := range svc.Ports {
					if p.Env != "prod" && port.HostIP != "127.0.0.1" {
						t.Errorf("%s opens %s:%s", name, port.HostIP, port.Published)
					}
				}
				for _, v := range svc.Volumes {
					if v.Type == "bind" && bool(v.Bind.CreateHostPath) {
						t.Errorf("%s would make %s", name, v.Source)
					}
				}
			}
			if _, ok := c.Services["postgres"]; ok == p.Embedded {
				t.Error("the postgres service:", ok)
			}
		})
	}
}

// TestDockerCompose has the real program read the files, where it is installed.
func TestDockerCompose(t *testing.T) {
	var command []string
	for _, c := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		out, err := exec.Command(c[0], append(slices.Clone(c[1:]), "version", "--short")...).Output()
		if err == nil && strings.HasPrefix(strings.TrimPrefix(string(out), "v"), "2.") {
			command = c
			break
		}
	}
	if command == nil {
		t.Skip("needs Docker Compose 2: neither docker compose nor docker-compose is that")
	}
	for _, s := range systems {
		p := newProject(t, s.env...)
		build(t, p, options(t, p, s.engine, s.goos, s.uid))
		args := compose.Command(docker.Engine{Compose: command}, p, "config", "--quiet")
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil || len(bytes.TrimSpace(out)) > 0 {
			t.Errorf("%s: %v: %s", s.name, err, out)
		}
	}
}

func TestFiles(t *testing.T) {
	p := newProject(t)
	o := options(t, p, systems[0].engine, "linux", 1000)
	first := build(t, p, o)
	if len(first.Kept) > 0 {
		t.Error("kept in an empty directory:", first.Kept)
	}
	var all []string
	filepath.WalkDir(p.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(p.Dir, path)
		all = append(all, name)
		text, _ := os.ReadFile(path)
		st, _ := d.Info()
		for _, secret := range []string{admin, jwtKey, "Pass", "PRIVATE KEY"} {
			if bytes.Contains(text, []byte(secret)) && st.Mode().Perm() != 0o600 {
				t.Errorf("%s has a secret and mode %v", name, st.Mode())
			}
		}
		return nil
	})
	generated := compose.Generated(p)
	for _, name := range all {
		if !slices.Contains(generated, name) {
			t.Errorf("%s is not among Generated", name)
		}
	}
	if st, err := os.Stat(filepath.Join(p.Dir, ".nself/env")); err != nil || st.Mode().Perm() != 0o700 {
		t.Error(st.Mode(), err)
	}
	if again := build(t, p, o); len(again.Changed) > 0 {
		t.Error("written again without a change:", again.Changed)
	}
	os.Chmod(filepath.Join(p.Dir, ".nself/env/auth.env"), 0o644)
	if r := build(t, p, o); !slices.Equal(r.Changed, []string{".nself/env/auth.env"}) {
		t.Error("a loosened file:", r.Changed)
	}
	o.SocketDir = "/tmp/other/pg"
	if r := build(t, p, o); !slices.Equal(r.Changed, []string{"docker-compose.yml"}) {
		t.Error(r.Changed)
	}
	o.Now = o.Now.Add(500 * 24 * time.Hour)
	if r := build(t, p, o); !slices.Contains(r.Changed, "ssl/server.crt") || !slices.Contains(r.Changed, "docker-compose.yml") {
		t.Error("a new certificate must give Nginx a new container:", r.Changed)
	}
}

func TestRefused(t *testing.T) {
	var e *fault.Error
	p := newProject(t)
	o := options(t, p, systems[0].engine, "linux", 1000)
	theirs := filepath.Join(p.Dir, "docker-compose.yml")
	os.WriteFile(theirs, []byte("services: {}\n"), 0o644)
	if _, err := compose.Build(p, o); !errors.As(err, &e) || !strings.Contains(e.Hint, "docker-compose.override.yml") {
		t.Error(err)
	}
	if b, _ := os.ReadFile(theirs); string(b) != "services: {}\n" {
		t.Error("the user's file was replaced")
	}
	for _, tt := range []struct{ variable, want string }{
		{"HASURA_JWT_KEY=short", "HASURA_JWT_KEY"},
		{"HASURA_GRAPHQL_PG_CONNECTIONS=95", "Hasura has two pools"},
		{"NGINX_BIND_IP=everywhere", "NGINX_BIND_IP"},
		{"SSL_MODE=custom", "server.key"},
		{"POSTGRES_IMAGE=postgres:latest", "POSTGRES_IMAGE"},
	} {
		p := newProject(t, tt.variable, "NSELF_EMBEDDED_PG=false")
		if _, err := compose.Build(p, o); !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) || e.Hint == "" {
			t.Errorf("%s: %v", tt.variable, err)
		}
		if left, _ := os.ReadDir(p.Dir); len(left) > 0 {
			t.Errorf("%s: left behind: %v", tt.variable, left)
		}
	}
}

func TestPools(t *testing.T) {
	for connections, want := range map[string]string{"20": `"4"`, "100": `"44"`, "200": `"50"`, "1000": `"50"`} {
		p := newProject(t, "POSTGRES_MAX_CONNECTIONS="+connections)
		build(t, p, options(t, p, systems[0].engine, "linux", 1000))
		if text := read(t, p, compose.File); !strings.Contains(text, "HASURA_GRAPHQL_PG_CONNECTIONS: "+want) {
			t.Errorf("%s connections:\n%s", connections, text)
		}
	}
}

func TestCommand(t *testing.T) {
	p := newProject(t)
	e := docker.Engine{Compose: []string{"docker", "compose"}}
	args := strings.Join(compose.Command(e, p, "up", "-d"), " ")
	if want := "docker compose --project-directory " + p.Dir + " --project-name shop --file " + p.Dir + "/docker-compose.yml up -d"; args != want {
		t.Error(args)
	}
	os.WriteFile(filepath.Join(p.Dir, "docker-compose.override.yml"), nil, 0o600)
	if args := strings.Join(compose.Command(e, p, "ps"), " "); !strings.HasSuffix(args, "--file "+p.Dir+"/docker-compose.override.yml ps") {
		t.Error(args)
	}
}

func TestAddresses(t *testing.T) {
	p := newProject(t, "NSELF_EMBEDDED_PG=false", "NGINX_HTTPS_PORT=8443", "ENV=prod")
	var got []string
	for _, port := range compose.Ports(p) {
		got = append(got, port.Service+" "+port.IP)
	}
	if s := strings.Join(got, ", "); s != "postgres 127.0.0.1, hasura 127.0.0.1, auth 127.0.0.1, nginx 0.0.0.0, nginx 0.0.0.0" {
		t.Error(s)
	}
	var urls []string
	for _, u := range compose.URLs(p) {
		urls = append(urls, u.URL)
	}
	all := strings.Join(urls, " ")
	for _, want := range []string{"http://localhost:8080", "https://localhost:8443/api/", "https://auth.local.nself.org:8443", "postgresql://postgres@127.0.0.1:5432/postgres"} {
		if !slices.Contains(urls, want) {
			t.Errorf("%s is missing in %s", want, all)
		}
	}
	if s := strings.Join(compose.Services(p), " "); s != "postgres hasura auth nginx" {
		t.Error(s)
	}
}

// TestDatabaseAlone wants the same service as in a whole stack: Docker Compose then takes the same container.
func TestDatabaseAlone(t *testing.T) {
	p := newProject(t, "NSELF_EMBEDDED_PG=false")
	build(t, p, options(t, p, systems[0].engine, "linux", 1000))
	if err := compose.BuildDatabase(p); err != nil {
		t.Fatal(err)
	}
	service := func(name string) string {
		o, err := cli.NewProjectOptions([]string{filepath.Join(p.Dir, name)}, cli.WithWorkingDirectory(p.Dir))
		if err != nil {
			t.Fatal(err)
		}
		c, err := o.LoadProject(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(c.Services["postgres"])
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if a, b := service(compose.File), service(".nself/docker-postgres.yml"); a != b {
		t.Errorf("another service:\n%s\n%s", a, b)
	}
	args := strings.Join(compose.DatabaseCommand(docker.Engine{Compose: []string{"docker-compose"}}, p, "stop"), " ")
	if !strings.HasSuffix(args, "--project-name shop --file "+p.Dir+"/.nself/docker-postgres.yml stop") {
		t.Error(args)
	}
	if !slices.Contains(compose.Generated(p), ".nself/docker-postgres.yml") {
		t.Error("not among Generated")
	}
	empty, err := project.Load(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := compose.BuildDatabase(empty); err == nil || !strings.Contains(err.Error(), "POSTGRES_PASSWORD is not set") {
		t.Error(err)
	}
}
