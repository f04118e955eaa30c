package cluster

import (
	"io/fs"
	"log/slog"
	"strings"
	"syscall"

	"nself.org/embeddedpg/internal/vfs"
)

// alterSystem is the data directory as the guest sees it: a postgresql.auto.conf that sets what the program sets itself
// does not take the place of the present one. Such a setting would never have an effect, and ALTER SYSTEM would have
// said that it succeeded.
type alterSystem struct {
	vfs.FS
	fixed map[string]string // what the program sets
	log   *slog.Logger
}

// Rename implements vfs.FS.
func (a *alterSystem) Rename(old, new string) error {
	if new == "/"+autoConfName {
		if err := a.check(old); err != nil {
			return err
		}
	}
	return a.FS.Rename(old, new)
}

// check compares the new file with the present one: what stood there before may stay.
func (a *alterSystem) check(name string) error {
	text, err := readFile(a.FS, name)
	if err != nil {
		return err
	}
	before, err := readFile(a.FS, "/"+autoConfName)
	if err != nil {
		before = ""
	}
	present := map[setting]bool{}
	for line := range strings.Lines(before) {
		if s, ok := parseLine(strings.TrimSpace(line)); ok {
			present[s] = true
		}
	}
	for line := range strings.Lines(text) {
		s, ok := parseLine(strings.TrimSpace(line))
		if !ok || present[s] {
			continue
		}
		value, fixed := a.fixed[s.name]
		if !fixed || value == s.value {
			continue
		}
		if a.log != nil {
			a.log.Error("ALTER SYSTEM refused: the program that runs the server sets this itself",
				"setting", s.name, "value", s.value, "in force", value)
		}
		return &fs.PathError{Op: "rename", Path: name, Err: syscall.EPERM}
	}
	return nil
}
