package project

import (
	"regexp"
	"strings"
	"sync"
)

// maxName is the longest name of a role or database in bytes: NAMEDATALEN-1, src/include/pg_config_manual.h.
const maxName = 63

// composeName is what Docker Compose takes as a project's name.
var composeName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`) })

// hostName is a host's name, in lower case.
var hostName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
})

// projectName makes a name for Docker Compose from a directory's; "" if nothing is left of it.
func projectName(dir string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r == '.' || r == ' ':
			return '-'
		}
		return -1
	}, dir)
	return strings.TrimLeft(name, "-_")
}

// databaseName makes a database's name from a project's; "" if nothing is left of it.
func databaseName(project string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r == '-' || r == '.' || r == ' ':
			return '_'
		}
		return -1
	}, project)
	if strings.Trim(name, "_") == "" {
		return ""
	}
	if name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name[:min(len(name), maxName)]
}
