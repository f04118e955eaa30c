package docker

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"

	"nself.org/embeddedpg/internal/fault"
)

// Kind is how containers reach the database.
type Kind string

// The kinds of routes.
const (
	Socket Kind = "socket" // the directory of its Unix socket is mounted
	TCP    Kind = "tcp"    // by a name that leads to this machine
	Inside Kind = "docker" // the database is a container itself
)

// Route is one way, and why it was chosen.
type Route struct {
	Kind   Kind   `json:"kind"`
	Listen string `json:"listen,omitempty"` // TCP: the address on which the database has to listen, host:port
	Host   string `json:"host,omitempty"`   // TCP: the name by which containers find this machine
	Why    string `json:"why"`              // a sentence for a person
}

// RouteOptions are what the user may have set.
type RouteOptions struct {
	Wanted string // NSELF_DB_ROUTE: auto, socket or tcp; "" is auto
	Listen string // NSELF_DB_LISTEN: the address for TCP; "" is found
	Host   string // NSELF_DB_HOST: the name for TCP; "" is host.docker.internal
	Port   int    // the database's
	System string // GOOS; "" is this program's
}

// HostName is the name by which Docker Desktop's containers find the machine; with Docker Engine the container's
// extra_hosts gives it a meaning.
const HostName = "host.docker.internal"

// loopback is where Docker Desktop forwards what containers send to HostName.
const loopback = "127.0.0.1"

// Route chooses how the engine's containers reach a database in this machine's nself. The socket needs the same
// kernel on both sides; where there is none TCP is used, on loopback or on the bridge's gateway, never on all addresses.
func (e Engine) Route(o RouteOptions) (Route, error) {
	if o.System == "" {
		o.System = runtime.GOOS
	}
	kind, why := e.kind(o.System)
	switch o.Wanted {
	case "", "auto":
	case string(Socket), string(TCP):
		if Kind(o.Wanted) != kind {
			kind, why = Kind(o.Wanted), "NSELF_DB_ROUTE is "+o.Wanted
		}
	default:
		return Route{}, &fault.Error{Op: "use NSELF_DB_ROUTE", Err: fmt.Errorf("%q is not auto, socket or tcp", o.Wanted), Hint: "leave it unset"}
	}
	r := Route{Kind: kind, Why: why}
	if kind == Socket {
		return r, nil
	}
	address, err := e.listen(o)
	if err != nil {
		return Route{}, err
	}
	r.Listen = net.JoinHostPort(address, strconv.Itoa(o.Port))
	if r.Host = o.Host; r.Host == "" {
		r.Host = HostName
	}
	return r, nil
}

// kind is the route that works with this engine as it comes.
func (e Engine) kind(system string) (Kind, string) {
	switch {
	case e.Remote:
		return TCP, "the engine is reached over the network (" + e.Endpoint + "), so it cannot mount a directory of this machine; its containers must reach this machine as " + HostName
	case system != "linux":
		return TCP, "on " + system + " containers run in a virtual machine, and Unix sockets do not cross its border"
	case e.Desktop:
		return TCP, "Docker Desktop runs containers in a virtual machine, and Unix sockets do not cross its border"
	case e.SELinux:
		return TCP, "SELinux keeps containers from connecting to a socket of this machine"
	case e.Rootless:
		return Socket, "rootless Docker on this kernel: the socket's directory is mounted, and no port is opened"
	}
	return Socket, "Docker Engine on this kernel: the socket's directory is mounted, and no port is opened"
}

// listen chooses the address for TCP.
func (e Engine) listen(o RouteOptions) (string, error) {
	if o.Listen != "" {
		a, err := netip.ParseAddr(o.Listen)
		if err == nil && a.IsUnspecified() {
			err = errors.New("that would open the database to every network of this machine")
		}
		if err != nil {
			return "", &fault.Error{Op: "use NSELF_DB_LISTEN", Path: o.Listen, Err: err, Hint: "give the one address that containers reach, such as 172.17.0.1, or leave it unset"}
		}
		return a.String(), nil
	}
	if o.System != "linux" || e.Desktop || e.Remote || e.Rootless {
		return loopback, nil
	}
	a, err := netip.ParseAddr(e.Gateway)
	if err != nil || a.IsUnspecified() {
		return "", &fault.Error{Op: "find the address for containers", Err: errors.New("the engine has no default bridge with a gateway"), Hint: "set NSELF_DB_LISTEN to an address of this machine that containers reach"}
	}
	return a.String(), nil
}
