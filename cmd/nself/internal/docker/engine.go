package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/fault"
)

// Engine is a Docker engine that answers, and the commands to use it.
type Engine struct {
	Version        string   `json:"version"`           // of the engine
	System         string   `json:"system"`            // the operating system it says it runs on
	Context        string   `json:"context"`           // of the docker command
	Endpoint       string   `json:"endpoint"`          // where the engine is: unix:///var/run/docker.sock
	Compose        []string `json:"compose"`           // the command: docker compose, or docker-compose
	ComposeVersion string   `json:"compose_version"`   //
	Desktop        bool     `json:"desktop"`           // Docker Desktop: the engine is in a virtual machine
	Rootless       bool     `json:"rootless"`          // the engine runs as an ordinary user
	Remote         bool     `json:"remote"`            // reached over ssh or TCP
	SELinux        bool     `json:"selinux"`           // containers are confined by SELinux
	Gateway        string   `json:"gateway,omitempty"` // this machine's address on the default bridge
}

// Why Find fails; each comes inside a *fault.Error that says what to do.
var (
	ErrNoCommand  = errors.New("the docker command is not installed")
	ErrDown       = errors.New("the Docker daemon does not answer")
	ErrPermission = errors.New("this user may not use the Docker daemon")
	ErrNoCompose  = errors.New("the Docker Compose plugin is not installed")
	ErrOldCompose = errors.New("this Docker Compose is too old")
)

// alone is the way out where Docker is not to be had.
const alone = "or run the database alone, which needs no Docker: nself start --embedded-pg --only postgres"

// patience is how long one answer of the docker command may take.
const patience = 20 * time.Second

// Find asks the docker command for the engine and for Docker Compose.
func Find(ctx context.Context) (Engine, error) {
	if _, err := exec.LookPath("docker"); err != nil {
		return Engine{}, problem(ErrNoCommand, "", "Hasura, Auth and Nginx run in Docker: install it (Docker Engine with its Compose plugin, or Docker Desktop), "+alone)
	}
	e, err := ask(ctx)
	if err != nil {
		return e, err
	}
	if e.Context, e.Endpoint, err = endpoint(ctx); err != nil {
		return e, err
	}
	scheme, _, _ := strings.Cut(e.Endpoint, "://")
	e.Remote = scheme == "ssh" || scheme == "tcp" || scheme == "http" || scheme == "https"
	if !e.Desktop && !e.Remote && !e.Rootless {
		e.Gateway = gateway(ctx)
	}
	return e, e.findCompose(ctx)
}

// gateway is this machine's address on the default bridge; "" if there is none. An engine that has made the bridge itself does not
// tell the address until it is started again (seen: 20.10), but what the interface is called.
func gateway(ctx context.Context) string {
	out, _, err := run(ctx, "docker", "network", "inspect", "bridge", "--format",
		`{{range .IPAM.Config}}{{println .Gateway}}{{end}}{{index .Options "com.docker.network.bridge.name"}}`)
	if err != nil {
		return ""
	}
	words := strings.Fields(out)
	for _, word := range words {
		if net.ParseIP(word) != nil {
			return word
		}
	}
	if len(words) == 0 {
		return ""
	}
	bridge, err := net.InterfaceByName(words[len(words)-1])
	if err != nil {
		return ""
	}
	addrs, _ := bridge.Addrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return ""
}

// info is what docker info says, as far as it is of use here.
type info struct {
	ServerVersion   string
	OperatingSystem string
	SecurityOptions []string
	ServerErrors    []string
}

// ask asks the engine what it is.
func ask(ctx context.Context) (Engine, error) {
	out, messages, err := run(ctx, "docker", "info", "--format", "{{json .}}")
	var i info
	if json.Unmarshal([]byte(out), &i) == nil {
		messages = strings.Join(append(i.ServerErrors, messages), "\n")
	}
	if err == nil && i.ServerVersion == "" && len(i.ServerErrors) == 0 {
		err = errors.New("docker info does not say what it is")
	}
	if err != nil || len(i.ServerErrors) > 0 {
		return Engine{}, explain(ctx, err, messages)
	}
	has := func(option string) bool {
		return slices.ContainsFunc(i.SecurityOptions, func(s string) bool { return s == option || strings.HasPrefix(s, option+",") })
	}
	return Engine{
		Version: i.ServerVersion, System: i.OperatingSystem,
		Desktop: strings.Contains(i.OperatingSystem, "Docker Desktop"), Rootless: has("name=rootless"), SELinux: has("name=selinux"),
	}, nil
}

// explain says why the engine did not answer, from the docker command's messages.
func explain(ctx context.Context, err error, messages string) error {
	message, _, _ := strings.Cut(strings.TrimSpace(messages), "\n")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(messages, "permission denied"):
		return problem(ErrPermission, message, "add the user to the docker group and log in again (sudo usermod -aG docker $USER), or use rootless Docker, "+alone)
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(messages, "Is the docker daemon running"),
		strings.Contains(messages, "Cannot connect"), strings.Contains(messages, "connection refused"), strings.Contains(messages, "no such host"),
		strings.Contains(messages, "failed to connect"), strings.Contains(messages, "error during connect"):
		return problem(ErrDown, message, "Hasura, Auth and Nginx run in Docker: start it (sudo systemctl start docker, or open Docker Desktop) and try again, "+alone)
	}
	if message != "" {
		err = errors.New(message)
	}
	return &fault.Error{Op: "use Docker", Err: err, Hint: "docker info must work in this terminal, " + alone}
}

// problem is one of the errors above, with the docker command's own words if there are any.
func problem(reason error, message, hint string) error {
	if message != "" {
		reason = fmt.Errorf("%w: %s", reason, message)
	}
	return &fault.Error{Op: "use Docker", Err: reason, Hint: hint}
}

// endpoint asks which context is in use and where its engine is. DOCKER_HOST and DOCKER_CONTEXT count.
func endpoint(ctx context.Context) (name, host string, err error) {
	out, messages, err := run(ctx, "docker", "context", "inspect", "--format", "{{json .}}")
	if err != nil {
		return "", "", explain(ctx, err, messages)
	}
	var c struct {
		Name      string
		Endpoints struct{ Docker struct{ Host string } }
	}
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		return "", "", fmt.Errorf("read what docker context inspect says: %w", err)
	}
	return c.Name, c.Endpoints.Docker.Host, nil
}

// findCompose looks for Docker Compose 2 as a plugin, then as a program of its own.
func (e *Engine) findCompose(ctx context.Context) error {
	old := ""
	for _, command := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		out, _, err := run(ctx, command[0], append(slices.Clone(command[1:]), "version", "--short")...)
		if err != nil {
			continue
		}
		version := strings.TrimPrefix(strings.TrimSpace(out), "v")
		major, minor := release(version)
		if major > minMajor || major == minMajor && minor >= minMinor {
			e.Compose, e.ComposeVersion = command, version
			return nil
		}
		old = version
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if old != "" {
		return problem(fmt.Errorf("%w: %s", ErrOldCompose, old), "", fmt.Sprintf("install Docker Compose %d.%d or later, %s", minMajor, minMinor, alone))
	}
	return problem(ErrNoCompose, "", "install it (the package docker-compose-plugin, or docker-compose-v2, or Debian's docker-compose), "+alone)
}

// The first Docker Compose that reads all that compose-go writes: env_file with a path.
const minMajor, minMinor = 2, 24

func release(version string) (major, minor int) {
	words := strings.SplitN(version, ".", 3)
	major, _ = strconv.Atoi(words[0])
	if len(words) > 1 {
		minor, _ = strconv.Atoi(words[1])
	}
	return major, minor
}

// run runs a command and returns its standard output and error.
func run(ctx context.Context, name string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DOCKER_CLI_HINTS=false")
	cmd.WaitDelay = time.Second
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	err = cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.String(), messages.String(), err
}
