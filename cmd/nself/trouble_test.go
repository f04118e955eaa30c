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

const daemonDown = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"

// aloneHint is the command that needs no Docker.
const aloneHint = "nself start --embedded-pg --only postgres"

var alone = []string{"start", "--embedded-pg", "--only", "postgres"}

// TestTrouble: each thing that can be wrong before anything is started is named, with what to do about it. DIR is the
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
	long := strings.Repeat("long", 100)
	for _, tt := range []struct {
		name, dotenv, docker string
		env, args            []string
		want                 []string // fragments of what is said, in their order
	}{
		{name: "missing module", env: []string{"PGLITE_WASM_PATH=missing.wasm"}, args: alone, want: []string{"DIR/missing.wasm: no such file", "\n  unset PGLITE_WASM_PATH"}},
		{name: "PGlite module", env: []string{"PGLITE_WASM_PATH=pglite.wasm"}, args: alone, want: []string{"DIR/pglite.wasm", "Emscripten", "\n  unset PGLITE_WASM_PATH"}},
		{name: "path too long", env: []string{"NSELF_RUNTIME_DIR=" + long}, args: alone, dotenv: secrets, want: []string{"DIR/" + long + ": file name too long", "\n  set NSELF_RUNTIME_DIR"}},
		{name: "Docker missing", env: []string{"PATH=/nonexistent"}, args: []string{"start", "--embedded-pg"}, want: []string{"docker command is not installed", "\n  ", "install it", aloneHint}},
		{name: "Docker's daemon down", docker: "echo '" + daemonDown + "' >&2; exit 1", args: []string{"start", "--embedded-pg"}, want: []string{"daemon does not answer", daemonDown, "\n  ", "systemctl start docker", aloneHint}},
		{name: "Docker's daemon down, database in Docker", docker: "echo '" + daemonDown + "' >&2; exit 1", args: []string{"start"}, want: []string{daemonDown, "systemctl start docker", aloneHint}},
		{name: "weak secret", dotenv: "POSTGRES_PASSWORD=secret\n", args: alone, want: []string{"POSTGRES_PASSWORD", "6 characters", "16", "\n  nself init", "openssl rand"}},
		{
			name: "weak secrets of the stack", docker: works, dotenv: "POSTGRES_PASSWORD=0123456789abcdef\nHASURA_GRAPHQL_ADMIN_SECRET=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", args: []string{"start", "--embedded-pg"},
			want: []string{"nself: use HASURA_GRAPHQL_ADMIN_SECRET", "repeats", "openssl rand", "nself: use HASURA_JWT_KEY", "not set", "openssl rand"},
		},
		{
			name: "port taken", docker: works, dotenv: secrets + "HASURA_PORT=" + port + "\nNGINX_HTTP_PORT=18080\nNGINX_HTTPS_PORT=18443\nAUTH_PORT=14000\n", args: []string{"start", "--embedded-pg"},
			want: []string{"hasura", "127.0.0.1:" + port, "\n  stop that program", "HASURA_PORT"},
		},
		{name: "malformed .env", dotenv: "A=1\nPOSTGRES_PORT\n", args: alone, want: []string{".env:2", "no =", "NAME=value"}},
		{name: "timeout", args: append(alone, "--timeout", "601"), want: []string{"--timeout", "601", "1 to 600"}},
		{name: "service", args: []string{"start", "--embedded-pg", "--only", "mysql"}, want: []string{"mysql", "\n  ", aloneHint}},
		{name: "variable", env: []string{"NSELF_EMBEDDED_PG=maybe"}, args: alone, want: []string{"NSELF_EMBEDDED_PG", "maybe", "\n  set it to true or false"}},
		{name: "port", dotenv: "POSTGRES_PORT=http\n", args: alone, want: []string{"POSTGRES_PORT", "http", "1 to 65535"}},
		{name: "user", dotenv: "POSTGRES_USER=pg_me\n", args: alone, want: []string{"POSTGRES_USER pg_me", "begin with pg_"}},
		{name: "log", args: []string{"logs"}, want: []string{"DIR/.nself/embedded-pg/postgres.log", "\n  ", aloneHint}},
		{name: "log of a service that never ran", args: []string{"logs", "nginx"}, want: []string{"nginx", "never started", "\n  nself start"}},
		{name: "not running", args: []string{"db", "list"}, want: []string{"DIR/.nself/embedded-pg", "not running", "\n  ", aloneHint}},
		{name: "supervise by hand", args: []string{"supervise"}},
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
			var want []string
			for _, fragment := range tt.want {
				want = append(want, strings.Replace(fragment, "DIR/", p.dir+"/", 1))
			}
			r.says(t, 1, want...)
			if len(want) == 0 && r.err != "" {
				t.Errorf("it says %q", r.err)
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

// says wants an exit code, nothing on the standard output, and on standard error an error with these fragments in their order.
func (r result) says(t *testing.T, code int, fragments ...string) {
	t.Helper()
	if r.code != code || r.out != "" {
		t.Errorf("exit code %d, want %d; out %q, err %q", r.code, code, r.out, r.err)
	}
	rest := r.err
	for _, fragment := range fragments {
		_, after, ok := strings.Cut(rest, fragment)
		if !ok {
			t.Errorf("%q does not say %q after that which comes before in %q", r.err, fragment, fragments)
			return
		}
		rest = after
	}
	if len(fragments) > 0 && !strings.Contains(r.err, "nself: ") {
		t.Errorf("%q is not nself's", r.err)
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

// TestTroubleStarting: what can go wrong with a database that is there.
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
	r.says(t, 1, "listen on "+socket, "process "+strconv.Itoa(os.Getpid()), "\n  stop it")
	other.Close()
	os.Remove(state.SocketDir)

	// A TCP port that another program has.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r = p.run(append(alone, "--listen", taken.Addr().String())...)
	r.says(t, 1, "listen on "+taken.Addr().String(), "address already in use", "\n  ", "another port")

	// A start that takes too long: each new connection waits a minute.
	r = p.run(append(alone, "--timeout", "1")...)
	runtime := filepath.Join(p.dir, defaultRuntime)
	r.says(t, 1, runtime, "not ready after 1s", runtime+"/postgres.log", "--timeout 600")
	if r := p.run("status"); !strings.Contains(r.out, "stopped") {
		t.Errorf("after a slow start: %+v", r)
	}

	// A role that the cluster does not have.
	p.env = append(p.env, "POSTGRES_USER=someone")
	r = p.run(alone...)
	r.says(t, 1, "role someone", "no such role", "\n  set POSTGRES_USER")
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
	if r := p.run("doctor"); r.code == 0 || !strings.Contains(r.out, "failure  disk") || !strings.Contains(r.out, "make room") {
		t.Errorf("%+v", r)
	}
}

// TestLostWAL removes the write-ahead log: the error names the newest backup that is whole.
func TestLostWAL(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: makes backups")
	}
	t.Parallel()
	backups := t.TempDir()
	p := newProject(t, "BACKUP_DIR="+backups, "PROJECT_NAME=app")
	p.start()
	lose := func(want string) {
		t.Helper()
		p.ok("stop")
		segments := must(filepath.Glob(filepath.Join(p.dir, defaultRuntime, "pgdata/pg_wal/0000*")))
		kept := filepath.Join(p.dir, "kept")
		must(0, os.MkdirAll(kept, 0o700))
		for _, s := range segments {
			must(0, os.Rename(s, filepath.Join(kept, filepath.Base(s))))
		}
		if r := p.run(alone...); r.code != 1 || !strings.Contains(r.err, "checkpoint record") || !strings.Contains(r.err, want) {
			t.Errorf("%+v, want %s", r, want)
		}
		for _, s := range segments {
			must(0, os.Rename(filepath.Join(kept, filepath.Base(s)), s))
		}
		p.start()
	}
	lose("no backup in " + backups)
	p.ok("backup", "create", "--tag", "good")
	p.ok("backup", "create", "--tag", "cut")
	cut := must(filepath.Glob(filepath.Join(backups, "*_cut.dump")))
	must(0, os.Truncate(cut[0], 1))
	lose("_good")
}
