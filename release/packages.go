package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

const (
	homepage    = "https://nself.org"
	description = "Run a project's backend on this machine, with PostgreSQL inside"
)

// packages writes the Debian and the RPM package. The program needs no library: it is linked statically.
func (r *release) packages(p platform, list []file) error {
	work, err := os.MkdirTemp("", "nself-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var contents files.Contents
	for i, f := range list {
		if f.path == "" {
			continue
		}
		source := filepath.Join(work, fmt.Sprint(i))
		if err := os.WriteFile(source, f.data, f.mode); err != nil {
			return err
		}
		contents = append(contents, &files.Content{
			Source: source, Destination: f.path,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: f.mode, MTime: r.when},
		})
	}
	for _, format := range []string{"deb", "rpm"} {
		info := nfpm.WithDefaults(&nfpm.Info{
			Name: "nself", Arch: p.processor, Platform: p.system, Version: r.version, Section: "database", Priority: "optional",
			Maintainer: "The nself embeddedpg authors <embeddedpg@nself.org>", Description: description, Homepage: homepage, License: "MIT", MTime: r.when,
			Overridables: nfpm.Overridables{Contents: contents, RPM: nfpm.RPM{BuildHost: "localhost", Summary: description, Compression: "gzip"}, Deb: nfpm.Deb{Compression: "gzip"}},
		})
		packager, err := nfpm.Get(format)
		if err != nil {
			return err
		}
		if err := nfpm.PrepareForPackager(info, format); err != nil {
			return err
		}
		out, err := os.Create(filepath.Join(r.out, packager.ConventionalFileName(info)))
		if err != nil {
			return err
		}
		if err := errors.Join(packager.Package(info, out), out.Close()); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	return nil
}

var formula = template.Must(template.New("").Parse(`class Nself < Formula
  desc "{{.Description}}"
  homepage "{{.Homepage}}"
  version "{{.Version}}"
  license "MIT"
{{range .Systems}}
  on_{{.Name}} do
{{- range .Archives}}
    on_{{.Processor}} do
      url "{{.URL}}"
      sha256 "{{.Sum}}"
    end
{{- end}}
  end
{{end}}
  def install
    bin.install "nself"
    man1.install Dir["man/man1/*.1"]
    bash_completion.install "completions/nself.bash" => "nself"
    zsh_completion.install "completions/_nself"
    fish_completion.install "completions/nself.fish"
    doc.install "LICENSE", "NOTICE", "LICENSES-go.txt", "LICENSES-postgresql.txt", "sbom.cdx.json"
  end

  test do
    system bin/"nself", "version"
  end
end
`))

type formulaSystem struct {
	Name     string
	Archives []formulaArchive
}

type formulaArchive struct{ Processor, URL, Sum string }

// formula writes nself.rb for Homebrew.
func (r *release) formula() error {
	var systems []formulaSystem
	for _, s := range []struct{ system, name string }{{"darwin", "macos"}, {"linux", "linux"}} {
		one := formulaSystem{Name: s.name}
		for _, p := range platforms {
			name := r.base(p) + ".tar.gz"
			sum, err := sumOf(filepath.Join(r.out, name))
			if p.system != s.system || os.IsNotExist(err) {
				continue
			}
			if err != nil {
				return err
			}
			processor := map[string]string{"amd64": "intel", "arm64": "arm"}[p.processor]
			one.Archives = append(one.Archives, formulaArchive{processor, strings.TrimSuffix(r.url, "/") + "/" + name, sum})
		}
		if len(one.Archives) > 0 {
			systems = append(systems, one)
		}
	}
	out, err := os.Create(filepath.Join(r.out, "nself.rb"))
	if err != nil {
		return err
	}
	return errors.Join(formula.Execute(out, map[string]any{"Description": description, "Homepage": homepage, "Version": r.version, "Systems": systems}), out.Close())
}
