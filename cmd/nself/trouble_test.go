package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// emscriptenModule is a module that imports what Emscripten's JavaScript gives, as PGlite's does: a type
// section with () -> (), and an import of env.invoke_v.
const emscriptenModule = "\x00asm\x01\x00\x00\x00" + "\x01\x04\x01\x60\x00\x00" + "\x02\x10\x01\x03env\x08invoke_v\x00\x00"

const (
	overrideHint = "\n  unset PGLITE_WASM_PATH (Config.ServerModule): PostgreSQL 18.6 is built in; an override is a postgres.wasm made by this project's `make wasm`\n"
	aloneHint    = "or run the database alone, which needs no Docker: nself start --embedded-pg --only postgres\n"
	daemonDown   = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
)

var alone = []string{"start", "--embedded-pg", "--only", "postgres"}

// TestTrouble has the exact message for each thing that can be wrong before anything is started. DIR in them is the
// project's directory. Nothing may have been made.
func TestTrouble(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	const secrets = "POSTGRES_PASSWORD=0123456789abcdef\nHASURA_GRAPHQL_ADMIN_SECRET=0123456789abcdef0123456789abcdef\nHASURA_JWT_KEY=0123456789abcdef0123456789abcdef\n"
	works := "case \"$1 $2\" in\n\"info --format\") echo '{\"ServerVersion\":\"28.5.2\"}' ;;\n\"context inspect\") echo '{\"Name\":\"here\",\"Endpoints\":{\"docker\":{\"Host\":\"unix:///run/docker.sock\"}}}' ;;\n\"network inspect\") echo 172.17.0.1 ;;\n\"compose version\") echo 2.40.3 ;;\nesac"
	for _, tt := range []struct {
		name, dotenv, docker string
		env, args            []string
		code                 int
		want                 string
	}{
		{
			name: "missing module", env: []string{"PGLITE_WASM_PATH=missing.wasm"}, args: alone, code: 1,
			want: "nself: use the engine module DIR/missing.wasm: no such file or directory" + overrideHint,
		},
		{
			name: "PGlite module", env: []string{"PGLITE_WASM_PATH=pglite.wasm"}, args: alone, code: 1,
			want: "nself: use the engine module DIR/pglite.wasm: it was made with Emscripten, as PGlite's modules are: it needs JavaScript around it and has one session" + overrideHint,
		},
		{
			name: "path too long", env: []string{"NSELF_RUNTIME_DIR=" + strings.Repeat("long", 100)}, args: alone, code: 1, dotenv: secrets,
			want: "nself: make the runtime directory DIR/" + strings.Repeat("long", 100) + ": file name too long\n  set NSELF_RUNTIME_%s to a directory that this user can write\n",
		},
		{
			name: "Docker missing", env: []string{"PATH=/nonexistent"}, args: []string{"start", "--embedded-pg"}, code: 1,
			want: "nself: use Docker: the docker command is not installed\n  Hasura, Auth and Nginx run in Docker: install it (Docker Engine with its Compose plugin, or Docker Desktop), " + aloneHint,
		},
		{
			name: "Docker's daemon down", docker: "echo '" + daemonDown + "' >&2; exit 1", args: []string{"start", "--embedded-pg"}, code: 1,
			want: "nself: use Docker: the Docker daemon does not answer: " + daemonDown + "\n  Hasura, Auth and Nginx run in Docker: start it (sudo systemctl start docker, or open Docker Desktop) and try again, " + aloneHint,
		},
		{
			name: "Docker's daemon down, database in Docker", docker: "echo '" + daemonDown + "' >&2; exit 1", args: []string{"start"}, code: 1,
			want: "nself: use Docker: the Docker daemon does not answer: " + daemonDown + "\n  Hasura, Auth and Nginx run in Docker: start it (sudo systemctl start docker, or open Docker Desktop) and try again, " + aloneHint,
		},
		{
			name: "weak secret", dotenv: "POSTGRES_PASSWORD=secret\n", args: alone, code: 1,
			want: "nself: use POSTGRES_PASSWORD: it has 6 characters, and 16 is the least: too short\n  nself init writes good ones into a new .env; or set it to the output of: openssl rand -hex 24\n",
		},
		{
			name: "weak secrets of the stack", docker: works, dotenv: "POSTGRES_PASSWORD=0123456789abcdef\nHASURA_GRAPHQL_ADMIN_SECRET=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", args: []string{"start", "--embedded-pg"}, code: 1,
			want: "nself: use HASURA_GRAPHQL_ADMIN_SECRET: it repeats the same few characters\n  nself init writes good ones into a new .env; or set it to the output of: openssl rand -hex 24\n" +
				"nself: use HASURA_JWT_KEY: it is not set\n  nself init writes good ones into a new .env; or set it to the output of: openssl rand -hex 24\n",
		},
		{
			name: "port taken", docker: works, dotenv: secrets + "HASURA_PORT=" + port + "\nNGINX_HTTP_PORT=18080\nNGINX_HTTPS_PORT=18443\nAUTH_PORT=14000\n", args: []string{"start", "--embedded-pg"}, code: 1,
			want: "nself: open the port of hasura 127.0.0.1:" + port + ": another program has it\n  stop that program, or set HASURA_PORT to another port in .env\n",
		},
		{
			name: "malformed .env", dotenv: "A=1\nPOSTGRES_PORT\n", args: alone, code: 1,
			want: "nself: read .env:2: there is no = in the line\n  each line is NAME=value, or a comment that begins with #\n",
		},
		{
			name: "listening to the world", args: append(alone, "--listen", "0.0.0.0:5432"), code: 1,
			want: "nself: listen on 0.0.0.0:5432: it is not a loopback address\n  use 127.0.0.1:PORT: connections are not encrypted, and others must not see them\n",
		},
		{
			name: "timeout", args: append(alone, "--timeout", "601"), code: 1,
			want: "nself: use --timeout: 601 is not a number of seconds from 1 to 600\n  leave it out for 120\n",
		},
		{
			name: "service", args: []string{"start", "--embedded-pg", "--only", "mysql"}, code: 1,
			want: "nself: start mysql: it cannot be started alone\n  the one that can is postgres: nself start --embedded-pg --only postgres\n",
		},
		{name: "variable", env: []string{"NSELF_EMBEDDED_PG=maybe"}, args: alone, code: 1, want: "nself: use NSELF_EMBEDDED_PG: \"maybe\" is neither true nor false\n  set it to true or false\n"},
		{name: "port", dotenv: "POSTGRES_PORT=http\n", args: alone, code: 1, want: "nself: use POSTGRES_PORT: \"http\" is not a port number\n  use 1 to 65535\n"},
		{name: "user", dotenv: "POSTGRES_USER=pg_me\n", args: alone, code: 1, want: "nself: use POSTGRES_USER pg_me: names of roles that begin with pg_ are PostgreSQL's own\n  choose another name\n"},
		{name: "flag", args: []string{"start", "--nonsense"}, code: 1, want: "nself: unknown flag: --nonsense\n  see nself start --help\n"},
		{name: "command", args: []string{"strat"}, code: 1, want: "nself: unknown command \"strat\" for \"nself\"; did you mean start\n  see nself --help\n"},
		{name: "log", args: []string{"logs"}, code: 1, want: "nself: read the log DIR/.nself/embedded-pg/postgres.log: there is none: the database has never run\n  start it: nself start --embedded-pg --only postgres\n"},
		{name: "no command to run", args: []string{"run"}, code: 1, want: "nself: requires at least 1 arg(s), only received 0\n  see nself run --help\n"},
		{name: "log of a service that never ran", args: []string{"logs", "nginx"}, code: 1, want: "nself: read the log of nginx: it was never started here\n  nself start --embedded-pg starts it, in Docker; nself logs is the database's\n"},
		{name: "not running", args: []string{"db", "list"}, code: 1, want: "nself: connect to the database of DIR/.nself/embedded-pg: it does not run\n  start it: nself start --embedded-pg --only postgres\n"},
		{name: "supervise by hand", args: []string{"supervise"}, code: 1, want: ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProject(t, tt.env...)
			p.dir = must(filepath.EvalSymlinks(p.dir))
			if tt.docker != "" {
				p.docker(tt.docker)
			}
			if tt.env != nil && strings.HasPrefix(tt.env[0], "PATH=") {
				p.env = append(p.env, tt.env...) // after newProject's own
			}
			if tt.dotenv != "" {
				p.write(".env", tt.dotenv)
			}
			p.write("pglite.wasm", emscriptenModule)
			r := p.run(tt.args...)
			if want := strings.ReplaceAll(strings.ReplaceAll(tt.want, "DIR", p.dir), "%s", "DIR"); r.code != tt.code || r.err != want || r.out != "" {
				t.Errorf("exit code %d, want %d\n got %q\nwant %q\nout %q", r.code, tt.code, r.err, want, r.out)
			}
			entries, err := os.ReadDir(p.dir)
			for _, e := range entries {
				if e.Name() != "pglite.wasm" && (e.Name() != ".env" || tt.dotenv == "") {
					t.Errorf("it made %s", e.Name())
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// write writes a file of the project.
func (p *projectDir) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// TestTroubleStarting has the exact messages of what can go wrong with a database that is there.
func TestTroubleStarting(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.dir = must(filepath.EvalSymlinks(p.dir))
	p.start()
	state := p.state()
	p.query("CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); END $$; CREATE EVENT TRIGGER w ON login EXECUTE FUNCTION wait(); ALTER EVENT TRIGGER w ENABLE ALWAYS")
	p.ok("stop")

	// Another program answers where the socket is to be.
	if err := os.MkdirAll(state.SocketDir, 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(state.SocketDir, ".s.PGSQL.5432")
	other, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	r := p.run(alone...)
	who := "process " + strconv.Itoa(os.Getpid())
	if want := "Starting PostgreSQL ...\n"; r.code != 1 || strings.TrimPrefix(r.err, want) != "nself: listen on "+socket+": "+who+" answers there\n  stop it, or use another socket directory or port\n" {
		t.Errorf("socket in use: %+v", r)
	}
	other.Close()
	os.Remove(state.SocketDir)

	// A TCP port that another program has.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r = p.run(append(alone, "--listen", taken.Addr().String())...)
	if r.code != 1 || !strings.HasSuffix(r.err, "nself: listen on "+taken.Addr().String()+": bind: address already in use\n  another program has this port: stop it, or choose another port (port 0 takes a free one)\n") {
		t.Errorf("TCP port taken: %+v", r)
	}

	// A start that takes too long: each new connection waits a minute.
	r = p.run(append(alone, "--timeout", "1")...)
	runtime := filepath.Join(p.dir, defaultRuntime)
	if r.code != 1 || !strings.HasSuffix(r.err, "nself: start the database of "+runtime+": it was not ready after 1s, and was stopped again\n  its log is "+runtime+"/postgres.log; recovery after a crash may take longer: nself start --timeout 600\n") {
		t.Errorf("slow start: %+v", r)
	}
	if r := p.run("status"); !strings.Contains(r.out, "stopped") {
		t.Errorf("after a slow start: %+v", r)
	}

	// A role that the cluster does not have.
	p.env = append(p.env, "POSTGRES_USER=someone")
	r = p.run(alone...)
	if r.code != 1 || !strings.HasSuffix(r.err, "nself: use the role someone: the cluster in the runtime directory has no such role\n  set POSTGRES_USER to the role that the cluster was made with\n") {
		t.Errorf("role: %+v", r)
	}
}

// TestDiskFull makes a database where there is no room for it.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.dir = must(filepath.EvalSymlinks(p.dir))
	disk := filepath.Join(p.dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(context.Background(), "mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("needs the right to mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", disk).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	p.env = append(p.env, "NSELF_RUNTIME_DIR="+filepath.Join(disk, "db"))
	r := p.run(alone...)
	if r.code != 1 || !strings.Contains(r.err, "No space left on device") && !strings.Contains(r.err, "no space left on device") || !strings.Contains(r.err, "\n  ") {
		t.Errorf("%+v", r)
	}
	if r := p.run("doctor"); r.code == 0 || !strings.Contains(r.out, "warning  disk") || !strings.Contains(r.out, "make room") {
		t.Errorf("%+v", r)
	}
}
