package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/internal/backup"
)

// completeServices completes the name of one of the project's services.
func (p *project) completeServices(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if p.load(cmd) != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return p.services(), cobra.ShellCompDirectiveNoFileComp
}

// services are the names of the project's services, the embedded database's first.
func (p *project) services() []string {
	names := compose.Services(p.Project)
	if p.Embedded {
		names = append([]string{"postgres"}, names...)
	}
	return names
}

// completeIDs completes the ID of one of the project's backups, latest, or a file's name.
func (b *backups) completeIDs(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if b.load(cmd) != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	dir, name, err := b.place()
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	found, err := backup.List(cmd.Context(), dir, name)
	if err != nil || len(found) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	ids := []string{cobra.CompletionWithDesc("latest", "the newest")}
	for _, f := range found {
		ids = append(ids, cobra.CompletionWithDesc(f.ID, f.Created.Local().Format(time.DateTime)+", "+size(f.Size)))
	}
	for _, id := range ids {
		if strings.HasPrefix(id, typed) {
			return ids, cobra.ShellCompDirectiveNoFileComp
		}
	}
	return nil, cobra.ShellCompDirectiveDefault // a file
}
