package cluster

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// known are the settings that another server of the same data must know: a standby compares them with its own
// (CheckRequiredParameterValues in xlogrecovery.c), or the server does not start with less than what is on disk.
var known = []string{
	"max_active_replication_origins", "max_connections", "max_locks_per_transaction", "max_prepared_transactions",
	"max_replication_slots", "max_wal_senders", "max_worker_processes", "track_commit_timestamp", "wal_level", "wal_log_hints",
}

const (
	// programConf is the file of the data directory that has those of the program's settings.
	programConf   = "embeddedpg.conf"
	programHeader = `# Made at each start by the program that runs this server, of the settings that it gives it: those that a standby and
# any other server on these files must know.
`
	programInclude = `
# What the program that runs this server sets for it, where other servers must know.
include_if_exists = '` + programConf + `'
`
	opSettings = "write the settings"
)

var includesProgram = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^\s*include_if_exists\s*=?\s*'` + regexp.QuoteMeta(programConf) + `'`)
})

// tell writes the settings that other servers must know into the data directory: to a file of its own, which postgresql.conf
// includes. What ALTER SYSTEM has set of them otherwise is dropped, as it would win there and never has here.
func (c *Cluster) tell(settings map[string]string, log *slog.Logger) error {
	var b strings.Builder
	b.WriteString(programHeader)
	told := map[string]string{}
	for name, value := range settings {
		told[canonicalSetting(name)] = value
	}
	any := false
	for _, name := range known {
		if value, ok := told[name]; ok {
			b.WriteString(setting{name, value}.String() + "\n")
			any = true
		}
	}
	if !any && !c.has(programConf) {
		return nil
	}
	if err := c.update(programConf, func(string) string { return b.String() }); err != nil {
		return err
	}
	if !any {
		return nil
	}
	err := c.update(confName, func(text string) string {
		if includesProgram().MatchString(text) {
			return text
		}
		return strings.TrimRight(text, "\n") + "\n" + programInclude
	})
	if err != nil {
		return err
	}
	return c.update(autoConfName, func(text string) string { return dropSettings(text, told, log) })
}

// dropSettings removes the lines that set known settings otherwise.
func dropSettings(text string, told map[string]string, log *slog.Logger) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		s, ok := parseLine(strings.TrimRight(line, "\r\n"))
		value, mine := told[s.name]
		if ok && mine && value != s.value && slices.Contains(known, s.name) {
			if log != nil {
				log.Warn("a setting by ALTER SYSTEM is dropped: the program that runs the server sets it itself",
					"setting", s.name, "value", s.value, "in force", value)
			}
			continue
		}
		kept.WriteString(line)
	}
	return kept.String()
}

// update replaces a file of the data directory whole, if its text changes. One that is not there is made.
func (c *Cluster) update(name string, change func(text string) string) error {
	path := filepath.Join(c.dir, name)
	bad := func(err error) error {
		return &fault.Error{Op: opSettings, Path: path, Err: reason(err), Hint: spaceHint(err)}
	}
	mode := fs.FileMode(0o600)
	if st, err := os.Stat(path); err == nil {
		mode = st.Mode().Perm()
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return bad(err)
	}
	text := change(string(old))
	if err == nil && text == string(old) || err != nil && text == "" {
		return nil
	}
	if err := hostdir.Replace(path, []byte(text), mode); err != nil {
		return bad(err)
	}
	return nil
}

// configure makes the files of settings that the data directory lacks, as those of Debian's clusters do, which are kept
// elsewhere: hba_file and config_file then name files that are there, and can be edited.
func (c *Cluster) configure() error {
	for _, f := range []struct{ name, text string }{
		{confName, "# This data directory had no " + confName + ": the defaults apply. Servers that keep theirs elsewhere do not read this one.\n"},
		{hbaName, hbaOwn},
		{identName, "# MAPNAME  SYSTEM-USERNAME  DATABASE-USERNAME\n"},
	} {
		if c.has(f.name) {
			continue
		}
		if err := c.update(f.name, func(string) string { return f.text }); err != nil {
			return err
		}
	}
	return nil
}
