package main

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/pgclient"
)

// newPg returns the command that runs any of PostgreSQL's client programs.
func newPg(p *project) *cobra.Command {
	return &cobra.Command{
		Use:   "pg program [argument ...]",
		Short: "Run one of PostgreSQL's client programs",
		Long: `Run one of PostgreSQL's client programs, all of which are part of nself. The arguments and the exit
code are the program's; it has this directory, the standard input and output, and the terminal. Each
is also a command of its own: nself pg_dump is nself pg pg_dump.

Without a host, or a connection string that names one, among its arguments, a program connects to
the project's database; PGHOST and its like then do not count. With one, it is as if PostgreSQL had
installed it.

The programs:
` + columns(image.Programs),
		Example: `  nself pg pg_dump -t orders -f orders.sql
  nself pg_restore -d mydb backup.dump
  nself psql -c 'SELECT 1' postgresql://me@db.example.com/mydb`,
		DisableFlagParsing: true, // they are the program's
		ValidArgs:          image.Programs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
				return cmd.Help()
			}
			if !slices.Contains(image.Programs, args[0]) {
				return &embeddedpg.Error{Op: "run", Path: args[0], Err: errors.New("there is no such program"), Hint: "nself pg lists them"}
			}
			return p.runProgram(cmd.Context(), args[0], args[1:])
		},
	}
}

// newPrograms returns a hidden command for each program but psql, which has its own.
func newPrograms(p *project) []*cobra.Command {
	var all []*cobra.Command
	for _, name := range image.Programs {
		if name != "psql" {
			all = append(all, newProgram(p, name))
		}
	}
	return all
}

func newProgram(p *project, name string) *cobra.Command {
	return &cobra.Command{
		Use:                name + " [argument ...]",
		Short:              "Run PostgreSQL's " + name,
		Hidden:             true,
		DisableFlagParsing: true, // they are the program's
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.runProgram(cmd.Context(), name, args)
		},
	}
}

// columns prints names in lines of up to four.
func columns(names []string) string {
	var b strings.Builder
	for line := range slices.Chunk(names, 4) {
		b.WriteString(" ")
		for _, n := range line {
			b.WriteString(" " + n + strings.Repeat(" ", max(1, 19-len(n))))
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// runProgram runs a program with the terminal. Interrupts are the program's: they do not end nself.
func (p *project) runProgram(ctx context.Context, name string, args []string) error {
	env := map[string]string{}
	var db *database
	if connects(name, args) {
		reached, err := p.reach(ctx)
		if err != nil {
			return err
		}
		db = &reached
		done, err := db.passwordFile(env)
		if err != nil {
			return err
		}
		defer done()
	}
	compile, compiled := compiling(os.Stderr)
	code, err := pgclient.Run(ctx, pgclient.Command{
		Name: name, Args: args, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Compile: compile, Compiled: compiled,
	})
	if err != nil {
		return err
	}
	if code == 0 {
		return nil
	}
	if db != nil && (code == noConnection || name != "psql") {
		db.tellFull(ctx, os.Stderr)
	}
	return exitCode(code)
}

// noConnection is psql's exit code where it could not connect, or lost its connection (EXIT_BADCONN in src/bin/psql/settings.h).
const noConnection = 2

// passwordFile sets libpq's environment for the project's database. The password is in a file that names that server alone, so
// that a program which is told of another one does not send it there. done removes the file.
func (d database) passwordFile(env map[string]string) (done func(), err error) {
	f, err := hostdir.CreateTemp("nself-pgpass-") // mode 0600
	if err != nil {
		return nil, err
	}
	escape := strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace
	line := escape(d.host) + ":*:*:" + escape(d.user) + ":" + escape(d.password) + "\n"
	_, err = f.WriteString(line + userPasswords())
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return nil, err
	}
	maps.Copy(env, d.server().Environment())
	env["PGPASSFILE"], env["PGPASSWORD"] = f.Name(), ""
	return func() { os.Remove(f.Name()) }, nil
}

// userPasswords is the user's own password file.
func userPasswords() string {
	name := os.Getenv("PGPASSFILE")
	if name == "" {
		home, err := hostdir.Home()
		if err != nil {
			return ""
		}
		name = filepath.Join(home, ".pgpass")
	}
	st, err := os.Stat(name)
	if err != nil || !st.Mode().IsRegular() || st.Mode().Perm()&0o077 != 0 {
		return "" // as libpq does: passwordFromFile in src/interfaces/libpq/fe-connect.c
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(b)
}

// optionsOf are the short options of the programs that connect to a server by -h or a default: what they give to getopt_long
// in PostgreSQL's sources (src/bin, contrib). A colon follows an option that takes a word.
var optionsOf = map[string]string{
	"clusterdb": "ad:eh:p:qt:U:vwW", "createdb": "D:eE:h:l:O:p:S:T:U:wW", "createuser": "a:c:dDeEg:h:iIlLm:p:PrRsSU:v:wW",
	"dropdb": "efh:ip:U:wW", "dropuser": "eh:ip:U:wW", "oid2name": "d:f:h:H:io:p:qsSt:U:x", "pg_amcheck": "ad:D:eh:Hi:I:j:p:Pr:R:s:S:t:T:U:vwW",
	"pg_basebackup": "c:Cd:D:F:h:i:l:nNp:Pr:Rs:S:t:T:U:vwWX:zZ:", "pg_dump": "abBcCd:e:E:f:F:h:j:n:N:Op:RsS:t:T:U:vwWxXZ:",
	"pg_dumpall": "acd:E:f:gh:l:Op:rsS:tU:vwWx", "pg_isready": "d:h:p:qt:U:", "pg_receivewal": "d:D:E:h:np:s:S:U:vwWZ:",
	"pg_recvlogical": "E:f:F:ntvd:h:p:U:wWI:o:P:s:S:", "pg_restore": "acCd:ef:F:h:I:j:lL:n:N:Op:P:RsS:t:T:U:vwWx1",
	"pgbench": "b:c:Cd:D:f:F:h:iI:j:lL:M:nNp:P:qrR:s:St:T:U:v", "psql": "aAbc:d:eEf:F:h:HlL:no:p:P:qR:sStT:U:v:VwWxXz?01",
	"reindexdb": "ad:eh:i:j:qp:sS:t:U:vwW", "vacuumdb": "ad:efFh:j:n:N:p:P:qt:U:vwWzZ", "vacuumlo": "h:l:np:U:vwW",
}

// connects reports whether a program will connect to the database that is preset for it: it is one that connects, is not only
// asked for its help or version, and its arguments name no host.
func connects(name string, args []string) bool {
	options, ok := optionsOf[name]
	if !ok || len(args) > 0 && slices.Contains([]string{"--help", "-?", "--version", "-V"}, args[0]) {
		return false
	}
	database := false
	for i := 0; i < len(args); i++ {
		a := args[i]
		next := func() string {
			if i++; i < len(args) {
				return args[i]
			}
			return ""
		}
		switch {
		case a == "--":
			return !slices.ContainsFunc(args[i+1:], namesHost) && (name != "pg_restore" || database)
		case strings.HasPrefix(a, "--"):
			long, value, given := strings.Cut(a[2:], "=")
			if len(long) >= 2 && strings.HasPrefix("host", long) {
				return false
			}
			if len(long) >= 2 && (strings.HasPrefix("dbname", long) || strings.HasPrefix("maintenance-db", long)) {
				if !given {
					value = next()
				}
				database = true
				if namesHost(value) {
					return false
				}
			}
		case len(a) > 1 && a[0] == '-':
			for j := 1; j < len(a); j++ {
				at := strings.IndexByte(options, a[j])
				if at < 0 || at+1 == len(options) || options[at+1] != ':' {
					continue
				}
				value := a[j+1:]
				if value == "" {
					value = next()
				}
				if a[j] == 'h' || a[j] == 'd' && namesHost(value) {
					return false
				}
				database = database || a[j] == 'd'
				break
			}
		case namesHost(a):
			return false
		}
	}
	return name != "pg_restore" || database // else it prints SQL
}

// keyword is how a connection string of keywords begins, and hostWord one that says where the server is.
var (
	keyword  = regexp.MustCompile(`^\s*[a-z_]+\s*=`)
	hostWord = regexp.MustCompile(`(^|\s)(host|hostaddr|service)\s*=`)
)

// namesHost reports whether a database name is a connection string that says where the server is.
func namesHost(s string) bool {
	if strings.HasPrefix(s, "postgresql://") || strings.HasPrefix(s, "postgres://") {
		u, err := url.Parse(s)
		if err != nil {
			return true // several hosts, for one
		}
		q := u.Query()
		return u.Host != "" || q.Has("host") || q.Has("hostaddr") || q.Has("service")
	}
	return keyword.MatchString(s) && hostWord.MatchString(s)
}
