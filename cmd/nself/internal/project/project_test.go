package project_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg/cmd/nself/internal/project"
	"nself.org/embeddedpg/internal/fault"
)

// files makes a project's directory.
func files(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "My App.2")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, contents map[string]string, environ ...string) *project.Project {
	t.Helper()
	p, err := project.Load(files(t, contents), environ)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCascade(t *testing.T) {
	all := map[string]string{
		".env":         "A=env\nB=env\nC=env\nD=env\nE=env\nENV=staging\nHOME_OF=$A/x\n",
		".env.dev":     "B=dev\n",
		".env.staging": "B=staging\nC=staging\nD=staging\nE=staging\n",
		".env.prod":    "B=prod\n",
		".env.secrets": "C=secrets\nD=secrets\nE=secrets\nF=${B}!\n",
		".env.local":   "D=local\nE=local\n",
	}
	p := load(t, all, "E=process")
	for name, want := range map[string]string{
		"A": "env", "B": "staging", "C": "secrets", "D": "local", "E": "process", "F": "staging!", "HOME_OF": "env/x",
		"POSTGRES_PORT": "5432", "NOTHING": "",
	} {
		if got := p.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := strings.Join(p.Files, " "); got != ".env .env.staging .env.secrets .env.local" {
		t.Error(got)
	}
	if p.Env != "staging" || !p.Initialized() {
		t.Errorf("%+v", p)
	}
	if p := load(t, all, "ENV=prod"); p.Get("B") != "prod" {
		t.Error("ENV of the process does not win:", p.Get("B"))
	}
	if p := load(t, nil); p.Env != "dev" || p.Initialized() || p.Name != "my-app-2" {
		t.Errorf("%+v", p)
	}
}

func TestFields(t *testing.T) {
	p := load(t, map[string]string{".env": "NSELF_EMBEDDED_PG=true\nNSELF_RUNTIME_DIR=run\nPGLITE_WASM_PATH=/x/../pg.wasm\nPROJECT_NAME=shop\n"})
	if !p.Embedded || p.Runtime != filepath.Join(p.Dir, "run") || p.ServerModule != "/pg.wasm" || p.Name != "shop" {
		t.Errorf("%+v", p)
	}
	p.SetEmbedded(false)
	if p.Embedded {
		t.Error("--embedded-pg=false does not win")
	}
	p = load(t, nil)
	if p.Embedded || p.Runtime != filepath.Join(p.Dir, ".nself", "embedded-pg") || p.ServerModule != "" {
		t.Errorf("%+v", p)
	}
}

// TestSyntax reads values as Docker Compose does.
func TestSyntax(t *testing.T) {
	p := load(t, map[string]string{".env": "\ufeff# comment\r\nexport A = 1 # one\nB: 2\nC='$NOT ${SET} # x'\nD=\"a\\nb\" # c\nE='two\nlines'\nF=${NONE:-default}\nG=a$$b\nH=\"it's\"\nI=\nJ=x#y\nK=\"$A\"\n"})
	for name, want := range map[string]string{
		"A": "1", "B": "2", "C": "$NOT ${SET} # x", "D": "a\nb", "E": "two\nlines", "F": "default", "G": "a$b", "H": "it's", "I": "", "J": "x#y", "K": "1",
	} {
		if got := p.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestMalformed(t *testing.T) {
	const secret = "hidden-Value"
	for _, tt := range []struct{ name, text, path, why string }{
		{"no =", "A=1\n\nPOSTGRES_PORT\n", ".env:3", "there is no = in the line"},
		{"name", "# x\nPOSTGRES PASSWORD=" + secret, ".env:2", "what stands before the = is no name of a variable"},
		{"digit", "1A=" + secret, ".env:1", "what stands before the = is no name of a variable"},
		{"open quote", "A=1\nB='" + secret + "\nC=3\n", ".env:2", "the quote is not closed"},
		{"after quote", "A='two\nlines'" + secret + "\n", ".env:2", "something follows the closing quote"},
		{"password with $", "A='x\ny'\nPOSTGRES_PASSWORD=pa$" + "word" + secret, ".env:3", "it uses a variable that is not set before"},
		{"used before", "A=$B\nB=1\n", ".env:1", "it uses a variable that is not set before"},
		{"bad $", "A=${" + secret + "!!!\n", ".env", "a $ is followed by what is no variable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := project.Load(files(t, map[string]string{".env": tt.text}), nil)
			var e *fault.Error
			if !errors.As(err, &e) || e.Path != tt.path || e.Err.Error() != tt.why || e.Hint == "" {
				t.Errorf("%#v", err)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Error("the message shows a value:", err)
			}
		})
	}
}

func TestWrongValues(t *testing.T) {
	for _, tt := range []struct{ dotenv, want string }{
		{"NSELF_EMBEDDED_PG=maybe", `use NSELF_EMBEDDED_PG: "maybe"`},
		{"ENV=production", `use ENV: "production"`},
	} {
		if _, err := project.Load(files(t, map[string]string{".env": tt.dotenv}), nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.dotenv, err)
		}
	}
	for _, tt := range []struct{ dotenv, want string }{
		{"POSTGRES_PASSWORD=short-password1", "use POSTGRES_PASSWORD: it has 15 characters, and 16 is the least: too short"},
		{"POSTGRES_PASSWORD=ababababababababab", "use POSTGRES_PASSWORD: it repeats the same few characters"},
		{"POSTGRES_PORT=http", `use POSTGRES_PORT: "http" is not a port number`},
		{"POSTGRES_PORT=65536", `use POSTGRES_PORT: "65536" is not a port number`},
		{"POSTGRES_USER=pg_me", "begin with pg_"},
		{"POSTGRES_DB=" + strings.Repeat("x", 64), "it has 64 bytes, and a name has at most 63"},
		{"POSTGRES_MAX_CONNECTIONS=19", `"19" is not a number from 20 to 1000`},
		{"POSTGRES_MAX_CONNECTIONS=100x", `"100x" is not a number`},
		{"POSTGRES_SESSION_MEMORY=512", `"512" is not a size`},
		{"POSTGRES_SESSION_MEMORY=31MB", `"31MB" is not a size`},
		{"POSTGRES_SESSION_MEMORY=3GB", `"3GB" is not a size`},
		{"NSELF_LOCALE_PROVIDER=libc\nNSELF_LOCALE=de_DE", "use NSELF_LOCALE_PROVIDER"},
		{"NSELF_LOCALE_PROVIDER=icu", "use NSELF_LOCALE_PROVIDER"},
		{"NSELF_LOCALE=de", "use NSELF_LOCALE"},
	} {
		if _, err := load(t, map[string]string{".env": tt.dotenv}).Database(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.dotenv, err)
		}
	}
	if d, err := load(t, nil).Database(); err != nil || d != (project.Database{User: "postgres", Name: "postgres", Port: 5432, MaxConnections: 200, SessionMemory: 2560 << 20}) {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestCheck wants every finding at once, and no secret shown.
func TestCheck(t *testing.T) {
	err := load(t, map[string]string{".env": "PROJECT_NAME=Über\nHASURA_GRAPHQL_ADMIN_SECRET=tooshort\nPOSTGRES_PASSWORD=0123456789abcdef\nHASURA_PORT=80\nSSL_MODE=yes\nAUTH_ROUTE=a;b\nBASE_DOMAIN=a{}\n"}).Check()
	if err == nil {
		t.Fatal("nothing found")
	}
	for _, want := range []string{
		"use PROJECT_NAME Über", "use HASURA_GRAPHQL_ADMIN_SECRET: it has 8 characters, and 32 is the least",
		"use HASURA_JWT_KEY: it is not set", "use NGINX_HTTP_PORT: 80 is HASURA_PORT's port already", `use SSL_MODE: "yes" is none of local, custom, none`,
		"use AUTH_ROUTE a;b", "use BASE_DOMAIN a{}",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 7 || strings.Contains(err.Error(), "tooshort") {
		t.Errorf("%d findings: %v", n, err)
	}
}

func TestInit(t *testing.T) {
	dir := files(t, nil)
	path, err := project.Init(dir, project.InitOptions{Embedded: true})
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 || path != filepath.Join(dir, ".env") {
		t.Error(path, st, err)
	}
	p, err := project.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(); err != nil {
		t.Error("what init writes is refused:", err)
	}
	if !p.Embedded || p.Name != "my-app-2" || p.Get("POSTGRES_DB") != "my_app_2" {
		t.Errorf("%+v %s", p, p.Get("POSTGRES_DB"))
	}
	before, _ := os.ReadFile(path)
	if _, err := project.Init(dir, project.InitOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Error("init over an existing .env:", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("init changed the .env")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Error("left behind:", left)
	}
	other := files(t, nil)
	project.Init(other, project.InitOptions{Name: "shop"})
	q, err := project.Load(other, nil)
	if err != nil || q.Name != "shop" || q.Embedded || q.Get("HASURA_JWT_KEY") == p.Get("HASURA_JWT_KEY") {
		t.Errorf("%+v %v", q, err)
	}
	if _, err := project.Init(files(t, nil), project.InitOptions{Name: "!"}); err == nil {
		t.Error("a project without a name")
	}
}

func TestLooseFiles(t *testing.T) {
	p := load(t, map[string]string{".env": "A=1\n", ".env.local": "A=2\n"})
	os.Chmod(filepath.Join(p.Dir, ".env.local"), 0o644)
	if got, err := p.LooseFiles(); err != nil || len(got) != 1 || got[0] != ".env.local" {
		t.Error(got, err)
	}
}

// FuzzWriteEnv writes any value so that it is read back, or refuses it.
func FuzzWriteEnv(f *testing.F) {
	for _, s := range []string{"", "plain", `it's`, `"quoted"`, `$HOME`, `a\`, `'"\$`, `\'`, "a # b", "ü €", `\$x'`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		b, err := project.WriteEnv(map[string]string{"A": value, "B": "end"})
		if err != nil {
			return
		}
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, ".env"), b, 0o600)
		p, err := project.Load(dir, nil)
		if err != nil || p.Vars()["A"] != value || p.Get("B") != "end" {
			t.Errorf("%q became %q, %v (%s)", value, p.Vars()["A"], err, b)
		}
	})
}
