package cluster

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

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
var settingName = regexp.MustCompile(`^[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)*$`)

// CheckSettings says whether the settings can be passed on to the server.
func CheckSettings(settings map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		bad := func(reason, hint string) error {
			return &fault.Error{Op: "use the setting", Path: name, Err: errors.New(reason), Hint: hint}
		}
		canonical := canonicalSetting(name)
		if !settingName.MatchString(canonical) {
			return bad("it is not the name of a setting", "use a name from pg_settings, such as work_mem")
		}
		if instead, ok := owned[canonical]; ok {
			return bad("the program itself sets it", instead)
		}
		if strings.ContainsRune(settings[name], 0) {
			return bad("its value contains a zero byte", "")
		}
	}
	return nil
}

// canonicalSetting is the name as pg_settings has it: -c takes any case, and - for _.
func canonicalSetting(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "-", "_")
}

// postmasterArgs is the server's command line.
func postmasterArgs(port int, configFile string, settings map[string]string) []string {
	args := []string{guestPrefix + "/bin/postgres", "-D", guestData}
	set := func(name, value string) { args = append(args, "-c", name+"="+value) }
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		set(canonicalSetting(name), settings[name])
	}
	if configFile != "" {
		set("config_file", configFile)
	}
	set("dynamic_shared_memory_type", "posix")
	set("hba_file", guestHBA)
	set("huge_pages", "off")
	set("listen_addresses", "")
	set("log_destination", "stderr")
	set("log_line_prefix", logLinePrefix)
	set("logging_collector", "off")
	set("port", strconv.Itoa(port))
	set("shared_memory_type", "sysv")
	set("unix_socket_directories", guestRun)
	set("unix_socket_group", "")
	set("unix_socket_permissions", "0777") // of the guest's own socket, which no host process sees
	return args
}

// socketName is the guest path of the server's one listening socket.
func socketName(port int) string { return fmt.Sprintf("%s/.s.PGSQL.%d", guestRun, port) }
