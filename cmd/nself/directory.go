package main

import (
	"errors"
	"os"
	"strings"

	"nself.org/embeddedpg"
)

// directoryFlag is -C: as Git's, it comes before the command.
const directoryFlag = "directory"

// inDirectory takes leading -C flags from the arguments and goes to the directories that they name, each relative to the one
// before; and --branch. It comes before Cobra because psql and its like have a command line of their own.
func inDirectory(args []string) ([]string, error) {
	for len(args) > 0 {
		dir := ""
		if rest, ok, err := leadingBranch(args); ok || err != nil {
			if err != nil {
				return args, err
			}
			args = rest
			continue
		}
		switch first := args[0]; {
		case first == "-C" || first == "--"+directoryFlag:
			if len(args) < 2 {
				return args, &embeddedpg.Error{Op: "use " + first, Err: errors.New("a directory has to follow"), Hint: "nself -C DIR COMMAND"}
			}
			dir, args = args[1], args[2:]
		case strings.HasPrefix(first, "--"+directoryFlag+"="):
			dir, args = strings.TrimPrefix(first, "--"+directoryFlag+"="), args[1:]
		case strings.HasPrefix(first, "-C"):
			dir, args = first[2:], args[1:]
		default:
			return args, nil
		}
		if err := os.Chdir(dir); err != nil {
			return args, &embeddedpg.Error{Op: "use -C", Path: dir, Err: plainPath(err), Hint: "it must be a directory that this user can enter"}
		}
	}
	return args, nil
}
