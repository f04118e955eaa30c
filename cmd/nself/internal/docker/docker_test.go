package docker_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"nself.org/embeddedpg/cmd/nself/internal/docker"
	"nself.org/embeddedpg/internal/fault"
)

// commands makes programs that are the only ones on PATH: name to shell script.
func commands(t *testing.T, scripts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

// engine is a docker command that answers like one in real use.
func engine(info, host, compose string) string {
	return `case "$1 $2" in
"info --format") echo '` + info + `' ;;
"context inspect") echo '{"Name":"here","Metadata":{},"Endpoints":{"docker":{"Host":"` + host + `","SkipTLSVerify":false}}}' ;;
"network inspect") echo 172.17.0.1; echo ;;
"compose version") ` + compose + ` ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
`
}

const (
	linuxInfo    = `{"ServerVersion":"28.5.2","OperatingSystem":"Debian GNU/Linux 13 (trixie)","SecurityOptions":["name=seccomp,profile=builtin","name=cgroupns"]}`
	rootlessInfo = `{"ServerVersion":"28.5.2","OperatingSystem":"Debian GNU/Linux 13 (trixie)","SecurityOptions":["name=seccomp,profile=default","name=rootless"]}`
	selinuxInfo  = `{"ServerVersion":"28.5.2","OperatingSystem":"Fedora Linux 42","SecurityOptions":["name=seccomp,profile=builtin","name=selinux"]}`
	desktopInfo  = `{"ServerVersion":"28.3.0","OperatingSystem":"Docker Desktop","SecurityOptions":["name=seccomp,profile=unconfined"]}`
	unixHost     = "unix:///var/run/docker.sock"
	compose2     = "echo 2.40.3"
)

func TestFind(t *testing.T) {
	for _, tt := range []struct {
		name, info, host string
		want             docker.Engine
	}{
		{"linux", linuxInfo, unixHost, docker.Engine{System: "Debian GNU/Linux 13 (trixie)", Version: "28.5.2", Gateway: "172.17.0.1"}},
		{"rootless", rootlessInfo, "unix:///run/user/1000/docker.sock", docker.Engine{System: "Debian GNU/Linux 13 (trixie)", Version: "28.5.2", Rootless: true}},
		{"selinux", selinuxInfo, unixHost, docker.Engine{System: "Fedora Linux 42", Version: "28.5.2", SELinux: true, Gateway: "172.17.0.1"}},
		{"desktop", desktopInfo, "unix:///home/me/.docker/desktop/docker.sock", docker.Engine{System: "Docker Desktop", Version: "28.3.0", Desktop: true}},
		{"ssh", linuxInfo, "ssh://me@elsewhere", docker.Engine{System: "Debian GNU/Linux 13 (trixie)", Version: "28.5.2", Remote: true}},
		{"tcp", linuxInfo, "tcp://10.0.0.1:2376", docker.Engine{System: "Debian GNU/Linux 13 (trixie)", Version: "28.5.2", Remote: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			commands(t, map[string]string{"docker": engine(tt.info, tt.host, compose2)})
			got, err := docker.Find(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(got.Compose, " ") != "docker compose" || got.ComposeVersion != "2.40.3" || got.Context != "here" || got.Endpoint != tt.host {
				t.Errorf("%+v", got)
			}
			got.Compose, got.ComposeVersion, got.Context, got.Endpoint = nil, "", "", ""
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestNotThere(t *testing.T) {
	works := func(compose string) string { return engine(linuxInfo, unixHost, compose) }
	says := func(message string) map[string]string {
		return map[string]string{"docker": "echo '" + message + "' >&2; exit 1\n"}
	}
	const down = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
	const denied = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"
	for _, tt := range []struct {
		name    string
		scripts map[string]string
		reason  error
		hint    string
	}{
		{"no command", nil, docker.ErrNoCommand, "install it"},
		{"down", says(down), docker.ErrDown, "systemctl start docker"},
		// Docker 23 and later put the daemon's errors into the JSON.
		{"down, in JSON", map[string]string{"docker": `echo '{"ServerErrors":["` + down + `"]}'`}, docker.ErrDown, "systemctl start docker"},
		{"permission", says(denied), docker.ErrPermission, "docker group"},
		{"no compose", map[string]string{"docker": works(`echo "docker: compose is not a docker command" >&2; exit 1`)}, docker.ErrNoCompose, "docker-compose-plugin"},
		{"compose 1", map[string]string{"docker": works("exit 1"), "docker-compose": "echo 1.29.2"}, docker.ErrOldCompose, "2.24 or later"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			commands(t, tt.scripts)
			_, err := docker.Find(context.Background())
			var e *fault.Error
			if !errors.Is(err, tt.reason) || !errors.As(err, &e) || !strings.Contains(e.Hint, tt.hint) || !strings.Contains(e.Hint, "nself start --embedded-pg --only postgres") {
				t.Errorf("%v", err)
			}
		})
	}
	commands(t, map[string]string{"docker": works("exit 1"), "docker-compose": "echo v2.40.3"})
	if e, err := docker.Find(context.Background()); err != nil || strings.Join(e.Compose, " ") != "docker-compose" {
		t.Errorf("a docker-compose of its own: %+v, %v", e, err)
	}
	commands(t, says("something else"))
	if _, err := docker.Find(context.Background()); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Error(err)
	}
}

func TestRoute(t *testing.T) {
	linux := docker.Engine{Gateway: "172.17.0.1"}
	for _, tt := range []struct {
		name   string
		engine docker.Engine
		o      docker.RouteOptions
		want   string // kind listen host
	}{
		{"linux", linux, docker.RouteOptions{}, "socket  "},
		{"rootless", docker.Engine{Rootless: true}, docker.RouteOptions{}, "socket  "},
		{"rootless, wanted", docker.Engine{Rootless: true}, docker.RouteOptions{Wanted: "tcp"}, "tcp 127.0.0.1:5432 host.docker.internal"},
		{"selinux", docker.Engine{SELinux: true, Gateway: "172.17.0.1"}, docker.RouteOptions{}, "tcp 172.17.0.1:5432 host.docker.internal"},
		{"desktop for Linux", docker.Engine{Desktop: true}, docker.RouteOptions{}, "tcp 127.0.0.1:5432 host.docker.internal"},
		{"macOS", docker.Engine{Desktop: true}, docker.RouteOptions{System: "darwin"}, "tcp 127.0.0.1:5432 host.docker.internal"},
		{"macOS without Desktop", docker.Engine{}, docker.RouteOptions{System: "darwin"}, "tcp 127.0.0.1:5432 host.docker.internal"},
		{"remote", docker.Engine{Remote: true}, docker.RouteOptions{}, "tcp 127.0.0.1:5432 host.docker.internal"},
		{"tcp wanted", linux, docker.RouteOptions{Wanted: "tcp"}, "tcp 172.17.0.1:5432 host.docker.internal"},
		{"socket wanted", docker.Engine{Desktop: true}, docker.RouteOptions{Wanted: "socket"}, "socket  "},
		{"address and name", linux, docker.RouteOptions{Wanted: "tcp", Listen: "fd00::1", Host: "db.lan"}, "tcp [fd00::1]:5432 db.lan"},
	} {
		if tt.o.System == "" {
			tt.o.System = "linux"
		}
		tt.o.Port = 5432
		r, err := tt.engine.Route(tt.o)
		if got := string(r.Kind) + " " + r.Listen + " " + r.Host; err != nil || got != tt.want || r.Why == "" {
			t.Errorf("%s: %q (%s), %v; want %q", tt.name, got, r.Why, err, tt.want)
		}
	}
	for _, o := range []docker.RouteOptions{
		{Wanted: "tcp", Listen: "0.0.0.0"}, {Wanted: "tcp", Listen: "::"}, {Wanted: "tcp", Listen: "localhost"}, {Wanted: "udp"},
	} {
		var e *fault.Error
		if r, err := linux.Route(o); !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%+v: %+v, %v", o, r, err)
		}
	}
	if _, err := (docker.Engine{}).Route(docker.RouteOptions{Wanted: "tcp", System: "linux"}); err == nil {
		t.Error("TCP without a gateway")
	}
}

// TestNewBridge: an engine that has just made its bridge names the interface, and no gateway.
func TestNewBridge(t *testing.T) {
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	loopback := slices.IndexFunc(interfaces, func(i net.Interface) bool { return i.Flags&net.FlagLoopback != 0 })
	if loopback < 0 {
		t.Skip("no loopback interface")
	}
	for name, want := range map[string]string{interfaces[loopback].Name: "127.0.0.1", "nosuchbridge": ""} {
		commands(t, map[string]string{"docker": strings.Replace(engine(linuxInfo, unixHost, compose2), "echo 172.17.0.1; echo", "echo; echo "+name, 1)})
		if e, err := docker.Find(context.Background()); err != nil || e.Gateway != want {
			t.Errorf("%s: %q, want %q; %v", name, e.Gateway, want, err)
		}
	}
}
