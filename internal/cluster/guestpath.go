package cluster

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"nself.org/embeddedpg/internal/vfs"
)

// guestPath returns the guest's name of a directory of the host: the same one, so that what the server says of itself is
// so for others on the machine, or instead where that cannot be.
func guestPath(host, instead string) string {
	switch {
	case len(host) > maxGuestPath, !utf8.ValidString(host), strings.ContainsFunc(host, unicode.IsControl):
		return instead
	}
	for _, t := range taken {
		if host == t || within(host, guestPrefix) || within(host, guestExtensions) {
			return instead
		}
	}
	return host
}

// maxGuestPath leaves the server room for names below the data directory: MAXPGPATH (pg_config_manual.h) is 1024.
const maxGuestPath = 800

// within reports whether a clean absolute path lies in or is the directory.
func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// socketPath returns the guest's directory for its socket, which clients find under the same name on the host, and
// mounts it. The guest's socket itself is in memory: package listen has the one that clients connect to.
func socketPath(host, data string, all map[string]vfs.FS) string {
	dir := guestPath(host, guestRun)
	if host == "/tmp" || host == guestRun {
		return host
	}
	if host == "" || dir != host || all[host] != nil || within(host, data) {
		return guestRun
	}
	all[host] = vfs.NewMem(vfs.MemOptions{})
	return host
}

// socketList writes a directory as unix_socket_directories, a list, takes it (SplitDirectoriesString in varlena.c).
func socketList(dir string) string {
	if strings.ContainsAny(dir, `",`) || strings.TrimSpace(dir) != dir {
		return `"` + strings.ReplaceAll(dir, `"`, `""`) + `"`
	}
	return dir
}
