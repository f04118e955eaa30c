package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	config "nself.org/embeddedpg/cmd/nself/internal/project"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// Where start's flags are remembered, and what takes them back.
const (
	onlyVariable   = "NSELF_ONLY"
	listenVariable = "NSELF_LISTEN"
	onlyAll        = "all"
	listenNone     = "none"
)

// recall fills in the flags of start that were not given, from .env or the environment.
func (p *project) recall(cmd *cobra.Command, o *startOptions) {
	if p.beside() { // a database alone, on a socket of its own
		o.only = cmp.Or(o.only, "postgres")
		return
	}
	if !cmd.Flag("only").Changed {
		o.only = p.Get(onlyVariable)
	}
	if o.only == onlyAll {
		o.only = ""
	}
	if !cmd.Flag("listen").Changed && o.only == "postgres" && p.Embedded {
		o.listen = p.Get(listenVariable)
	}
	if o.listen == listenNone {
		o.listen = ""
	}
	if !cmd.Flag("metrics").Changed && p.Embedded {
		o.metrics = p.Get(metricsVariable)
	}
	if o.metrics == listenNone {
		o.metrics = ""
	}
}

// remember writes the flags of a start that has succeeded to .env, and says so.
func (p *project) remember(cmd *cobra.Command, o startOptions, stderr io.Writer) {
	vars := map[string]string{}
	if cmd.Flag("only") == nil || p.beside() { // it is another command's, or a branch's beside the current
		return
	}
	note := func(flag, variable, value string) {
		if cmd.Flag(flag).Changed && p.Get(variable) != value {
			vars[variable] = value
		}
	}
	note("only", onlyVariable, o.only)
	note("listen", listenVariable, o.listen)
	note("metrics", metricsVariable, o.metrics)
	if cmd.Flag("only").Changed && o.only == "" && p.Get(listenVariable) != "" {
		vars[listenVariable] = ""
	}
	if len(vars) == 0 || o.foreground {
		return
	}
	if err := config.Set(p.Dir, vars); err != nil {
		fmt.Fprintln(stderr, "The next start will not know these flags.")
		printError(stderr, err)
		return
	}
	var set []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		set = append(set, name+"="+vars[name])
	}
	fmt.Fprintf(stderr, "Wrote %s to .env: nself start and restart do the same from now on.\n", strings.Join(set, " and "))
	if o.only != "" && vars[onlyVariable] != "" {
		fmt.Fprintln(stderr, "  nself start --only all starts the whole backend again")
	}
}

// ask confirms that a running database may be restarted, which ends the sessions of its clients. nil asks nobody.
type ask func(what string) error

// mayRestart asks before clients are cut.
func (a ask) mayRestart(ctx context.Context, paths supervisor.Paths, s supervisor.State) error {
	return a.mayDisconnect(ctx, paths, s, "the database has to be started again for that")
}

// mayDisconnect asks before what ends a database's sessions, if it has any.
func (a ask) mayDisconnect(ctx context.Context, paths supervisor.Paths, s supervisor.State, what string) error {
	if a == nil {
		return nil
	}
	password, err := paths.Password()
	if err != nil {
		return err
	}
	f, err := embedded(s, password).readFacts(ctx)
	if err == nil && f.connections == 0 {
		return nil
	}
	clients := plural(f.connections, "client")
	if err != nil {
		clients = "its clients"
	}
	return a(what + ", which disconnects " + clients)
}

// reaches reports whether a running database can be reached in the ways that are wanted.
func reaches(s supervisor.State, o supervisor.Options) bool {
	if o.Shared && !s.Shared {
		return false
	}
	return sameAddress(o.Listen, s.Listen) && sameAddress(o.Metrics, s.Metrics)
}

// sameAddress reports whether an address that is wanted is the one that is listened on.
func sameAddress(wanted, present string) bool {
	if wanted == "" || wanted == present {
		return true
	}
	host, port, err := net.SplitHostPort(wanted)
	now, nowPort, err2 := net.SplitHostPort(present)
	if err != nil || err2 != nil || port != "0" && port != nowPort { // 0: any port will do
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || ip.Equal(net.ParseIP(now)) // a name was looked up when it was opened
}
