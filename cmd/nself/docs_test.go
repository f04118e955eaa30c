package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var manDir = flag.String("man", "", "write the man pages to this directory")

var update = flag.Bool("update", false, "write docs/cli.md anew")

//go:generate go test -run TestDocs -update

// TestDocs compares docs/cli.md with the commands' own help.
func TestDocs(t *testing.T) {
	root := newRoot()
	root.InitDefaultCompletionCmd()
	var b strings.Builder
	b.WriteString("<!-- Made from the commands' own help: go generate ./cmd/nself -->\n")
	document(&b, root)
	const file = "../../docs/cli.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if was, err := os.ReadFile(file); err != nil || string(was) != b.String() {
		t.Errorf("docs/cli.md is not what the commands say: go generate ./cmd/nself (%v)", err)
	}
}

// document writes a command's help and that of those below it.
func document(b *strings.Builder, c *cobra.Command) {
	if c.Hidden {
		return
	}
	depth := strings.Count(c.CommandPath(), " ")
	fmt.Fprintf(b, "\n%s %s\n\n", strings.Repeat("#", min(depth, 2)+1), c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(b, "%s\n", strings.ReplaceAll(text, "<", "\\<"))
	if c.Runnable() {
		fmt.Fprintf(b, "\n    %s\n", c.UseLine())
	}
	if len(c.Aliases) > 0 {
		fmt.Fprintf(b, "\nAlso: %s.\n", strings.Join(c.Aliases, ", "))
	}
	if c.Example != "" {
		fmt.Fprintf(b, "\nExamples:\n\n%s\n", indent(c.Example))
	}
	if usages := c.LocalFlags().FlagUsages(); usages != "" {
		fmt.Fprintf(b, "\nFlags:\n\n%s\n", indent(usages))
	}
	if c.Name() == "completion" {
		return // one for each shell
	}
	for _, sub := range c.Commands() {
		document(b, sub)
	}
}

// indent makes a block of text code in Markdown.
func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		b.WriteString(strings.TrimRight("    "+line, " \n") + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// TestMan makes the man pages, as make man does.
func TestMan(t *testing.T) {
	dir := *manDir
	if dir == "" {
		dir = t.TempDir()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root := newRoot()
	root.DisableAutoGenTag = true // it has the date
	if err := doc.GenManTree(root, &doc.GenManHeader{Title: "NSELF", Section: "1", Source: "nself", Manual: "nself"}, dir); err != nil {
		t.Fatal(err)
	}
	for page, want := range map[string]string{"nself.1": "nself-backup(1)", "nself-backup-restore.1": "--to-time", "nself-db-migrate-down.1": "--steps"} {
		b, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil || !strings.Contains(strings.ReplaceAll(string(b), `\`, ""), want) {
			t.Errorf("%s does not say %s: %v", page, want, err)
		}
	}
}
