package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/branch"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/fault"
)

// branchFlag and branchVariable name the branch that one command acts on.
const (
	branchFlag     = "branch"
	branchVariable = "NSELF_BRANCH"
)

// chosen is which branch of the database a command acts on.
type chosen struct {
	branches branch.Store
	branch   string // the one acted on
	current  string // the one that commands act on which name none
	head     branch.Head
	pending  bool  // Git's branch has none yet: settle makes it
	lost     error // why the current one could not be found; nself branch itself works all the same
}

// choose finds the branch: the one that --branch or NSELF_BRANCH names, else the current one. Its runtime directory is the project's
// from then on.
func (p *project) choose(cmd *cobra.Command) error {
	c := chosen{branches: branch.In(p.Runtime), current: branch.Main}
	var err error
	if c.head, err = c.branches.Head(); err == nil {
		c.current, err = c.head.Resolve(p.Dir)
	}
	wanted := p.Get(branchVariable)
	if f := cmd.Flag(branchFlag); f != nil && f.Changed {
		wanted = f.Value.String()
	}
	if err == nil && wanted == "" && c.current != branch.Main {
		_, err = c.branches.Get(c.current)
		if c.pending = c.head.Git != "" && errors.Is(err, branch.ErrUnknown); c.pending {
			err = branch.CheckName(c.current)
		}
		var e *fault.Error
		if errors.As(err, &e) && errors.Is(err, branch.ErrUnknown) {
			e.Hint = "it was current, and is gone: nself branch switch " + branch.Main
		}
	}
	if err != nil {
		c.current, c.lost = branch.Main, err
	}
	if c.branch = cmp.Or(wanted, c.current); wanted != "" && wanted != branch.Main {
		if _, err := c.branches.Get(wanted); err != nil {
			p.chosen = c
			return p.suggestBranch(wanted, err)
		}
	}
	if c.lost != nil && wanted == "" && !below(cmd, branchVerb) {
		return c.lost
	}
	p.chosen = c
	p.Runtime = c.branches.Runtime(c.branch)
	return nil
}

// below reports whether a command is the one of that name, or below it.
func below(cmd *cobra.Command, name string) bool {
	for c := cmd; c != nil; c = c.Parent() {
		if c.Name() == name && c.HasParent() && !c.Parent().HasParent() {
			return true
		}
	}
	return false
}

// at is the same project with another branch of its database.
func (p *project) at(name string) *project {
	other := *p
	config := *p.Project
	other.Project = &config
	other.branch, other.pending = name, false
	other.Runtime = p.branches.Runtime(name)
	return &other
}

// beside reports whether the database is one beside the current: clients and containers know nothing of it.
func (p *project) beside() bool { return p.branch != p.current }

// isBranch reports whether the database is a branch.
func (p *project) isBranch() bool { return p.branch != branch.Main }

// database names the branch for people.
func (p *project) databaseName() string { return nameOf(p.branch) }

func nameOf(name string) string {
	if name == branch.Main {
		return "the main database"
	}
	return "the branch " + name
}

// settle makes the branch of one of Git's that has none yet.
func (p *project) settle(ctx context.Context, w io.Writer) error {
	if !p.pending {
		return nil
	}
	fmt.Fprintf(w, "Git's branch %s has no database yet: making it of the main one.\n", p.branch)
	if err := p.makeBranch(ctx, branch.Branch{Name: p.branch, Git: true}, p.fromBranch(branch.Main)); err != nil {
		return err
	}
	p.pending = false
	return nil
}

// takeOver stops the database of the branch that was current until now, if it runs, and gives its TCP address to this one. It
// reports whether it ran, and whether containers have to be made anew, because they know that one.
func (p *project) takeOver(cmd *cobra.Command, from *project, o *startOptions) (ran bool, err error) {
	paths, err := from.paths()
	if err != nil {
		return false, err
	}
	was, err := supervisor.Find(cmd.Context(), paths)
	if err != nil || was.Phase == supervisor.Stopped || was.Phase == supervisor.Crashed {
		return false, err
	}
	err = o.ask(cmd).mayDisconnect(cmd.Context(), paths, was, from.databaseName()+" has to be stopped for that")
	if err != nil {
		return true, err
	}
	_, stderr := o.outputs(cmd)
	fmt.Fprintf(stderr, "Stopping %s ...\n", from.databaseName())
	if _, err := supervisor.Stop(cmd.Context(), paths, supervisor.StopTime); err != nil && !unclean(err) {
		return true, err
	}
	o.fresh = true
	o.listen = cmp.Or(o.listen, was.Listen)
	return true, nil
}

// follow is a start's part in following Git: the branch that was current before gives way.
func (p *project) follow(cmd *cobra.Command, o *startOptions) error {
	if p.head.Git == "" || p.beside() || p.head.Current == p.branch {
		return nil
	}
	alone := o.only != ""
	listen := o.listen
	if _, err := p.takeOver(cmd, p.at(p.head.Current), o); err != nil {
		return err
	}
	if !alone {
		o.listen = listen // the containers' route has its own
	}
	p.head.Current = p.branch
	return p.branches.SetHead(p.head)
}

// leadingBranch notes a --branch that comes before the command, where psql and its like do not take it for theirs.
func leadingBranch(args []string) (rest []string, ok bool, err error) {
	const flag = "--" + branchFlag
	name, rest := "", args[1:]
	switch {
	case args[0] == flag && len(rest) > 0:
		name, rest = rest[0], rest[1:]
	case args[0] == flag:
		return args, false, &embeddedpg.Error{Op: "use " + flag, Err: errors.New("a branch has to follow"), Hint: "nself " + flag + " NAME COMMAND"}
	case strings.HasPrefix(args[0], flag+"="):
		name = strings.TrimPrefix(args[0], flag+"=")
	default:
		return args, false, nil
	}
	return rest, true, os.Setenv(branchVariable, name)
}
