package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"nself.org/embeddedpg/internal/fault"
)

// owned are the settings that decide how the server and the program meet. They are on the server's
// command line, so they win over postgresql.conf and ALTER SYSTEM, and no Settings may name them. The
// text says what to use instead.
var owned = map[string]string{
	"config_file":                "postgresql.conf of the data directory is read",
	"data_directory":             "use Config.DataDir",
	"dynamic_shared_memory_type": "it is fixed",
	"hba_file":                   "pg_hba.conf of the data directory is read",
	"huge_pages":                 "it is fixed",
	"ident_file":                 "pg_ident.conf of the data directory is read",
	"listen_addresses":           "use Config.Listen",
	"log_destination":            "use Config.Log",
	"log_line_prefix":            "use Config.Log: its records have the fields",
	"logging_collector":          "use Config.Log",
	"port":                       "use Config.Port",
	"shared_memory_type":         "it is fixed",
	"unix_socket_directories":    "use Config.SocketDir",
	"unix_socket_group":          "use Config.SocketMode",
	"unix_socket_permissions":    "use Config.SocketMode",
}

// settingName is what valid_custom_variable_name in src/backend/utils/misc/guc.c accepts, in ASCII.
var settingName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)*$`) })

// CheckSettings says whether the settings can be passed on to the server.
func CheckSettings(settings map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		bad := func(reason, hint string) error {
			return &fault.Error{Op: "use the setting", Path: name, Err: errors.New(reason), Hint: hint}
		}
		canonical := canonicalSetting(name)
		if !settingName().MatchString(canonical) {
			return bad("it is not the name of a setting", "use a name from pg_settings, such as work_mem")
		}
		if instead, ok := owned[canonical]; ok {
			return bad("the program itself sets it", instead)
		}
		if strings.ContainsRune(settings[name], 0) {
			return bad("its value contains a zero byte", "")
		}
		if value, reason, unfit := (setting{canonical, settings[name]}).fit(); unfit {
			return bad(fmt.Sprintf("it is %s, and this server has %s: %s", settings[name], value, reason), "use "+value)
		}
	}
	return nil
}

// canonicalSetting is the name as pg_settings has it: -c takes any case, and - for _.
func canonicalSetting(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "-", "_")
}

// commandLine returns the settings of the server's command line: the program's, then what is owned.
func (o *RunOptions) commandLine(t *tree) []setting {
	var all []setting
	set := func(name, value string) { all = append(all, setting{name, value}) }
	settings := o.settings()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		set(canonicalSetting(name), settings[name])
	}
	set("data_directory", t.data)
	set("dynamic_shared_memory_type", "posix")
	set("hba_file", path.Join(t.data, hbaName))
	set("huge_pages", "off")
	set("ident_file", path.Join(t.data, identName))
	set("listen_addresses", o.addresses())
	set("log_destination", "stderr")
	set("log_line_prefix", logLinePrefix)
	set("logging_collector", "off")
	set("port", strconv.Itoa(o.port()))
	set("shared_memory_type", "sysv")
	set("unix_socket_directories", socketList(t.sockets))
	set("unix_socket_group", "")
	set("unix_socket_permissions", fmt.Sprintf("%#o", cmp.Or(o.SocketMode.Perm(), 0o600)))
	return all
}

// postmasterArgs is the server's command line.
func postmasterArgs(data string, settings []setting) []string {
	args := []string{guestPrefix + "/bin/postgres", "-D", data}
	for _, s := range settings {
		args = append(args, "-c", s.name+"="+s.value)
	}
	return args
}

// port is what SHOW port says: that of the network, where the server listens on one, else of the Unix socket.
func (o *RunOptions) port() int {
	if o.TCP.IsValid() {
		return int(o.TCP.Port())
	}
	return o.Port
}

// addresses is what SHOW listen_addresses says. A socket for every address takes both families.
func (o *RunOptions) addresses() string {
	switch {
	case !o.TCP.IsValid():
		return ""
	case o.TCP.Addr().IsUnspecified():
		return "*"
	}
	return o.TCP.Addr().Unmap().WithZone("").String()
}

// bound reports whether the program listens at an address that the server binds.
func (o *RunOptions) bound(a netip.AddrPort) bool {
	if !o.TCP.IsValid() || a.Port() != o.TCP.Port() {
		return false
	}
	ours, theirs := o.TCP.Addr().Unmap().WithZone(""), a.Addr().Unmap().WithZone("")
	return ours == theirs || ours.IsUnspecified() && theirs.IsUnspecified()
}
