// Command makepack puts built extensions into an archive for a Go module to embed, NAME.zip, and writes what they are
// to NAME.json; the same files for the same modules.
package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"nself.org/embeddedpg/extensions/pack"
	"nself.org/embeddedpg/extensions/recipes"
)

func main() {
	folder := flag.String("recipes", "extensions", "folder of the recipes")
	modules := flag.String("modules", "", "folder in which build.sh has put a folder for each of them")
	out := flag.String("out", "", "path of the files to write, without .zip and .json")
	flag.Parse()
	if *modules == "" || *out == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*folder, *modules, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "makepack:", err)
		os.Exit(1)
	}
}

// run packs the recipes of those names; without names, all that are not to be left out.
func run(folder, modules, out string, names []string) error {
	all, err := recipes.ReadAll(folder)
	if err != nil {
		return err
	}
	p := &packer{content: map[string][]byte{}}
	for _, r := range all {
		if len(names) == 0 && r.Dropped != "" || len(names) > 0 && !slices.Contains(names, r.Name) {
			continue
		}
		if err := p.add(r, os.DirFS(filepath.Join(modules, r.Name))); err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	return p.write(out)
}

// packer collects what goes into an archive.
type packer struct {
	content map[string][]byte
	list    []pack.Extension
	notices strings.Builder
}

var line = regexp.MustCompile(`(?m)^\s*(\w+)\s*=\s*(?:'((?:[^']|'')*)'|(\S+))`)

// add takes the files of one recipe.
func (p *packer) add(r *recipes.Recipe, files fs.FS) error {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return fmt.Errorf("it is not built: %w", err)
	}
	was := len(p.list)
	for _, e := range entries {
		b, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return err
		}
		switch name := e.Name(); filepath.Ext(name) {
		case ".so", ".control", ".sql":
			if p.content[name] != nil {
				return fmt.Errorf("two extensions have a %s", name)
			}
			p.content[name] = b
			if base, ok := strings.CutSuffix(name, ".control"); ok {
				p.describe(r, base, b)
			}
		}
	}
	if len(p.list) == was { // a module without an extension
		p.list = append(p.list, pack.Extension{Name: r.Name, Version: upstream(r.Version), Licence: r.Licence, Source: r.Package + " " + r.Version, Module: true, Preload: r.Preload, Settings: r.Settings})
	}
	notice, err := fs.ReadFile(files, "notice")
	if err != nil {
		return fmt.Errorf("its licence: %w", err)
	}
	fmt.Fprintf(&p.notices, "%s\n%s (%s %s), %s\n%[1]s\n\n%s\n\n", strings.Repeat("=", 78), r.Name, r.Package, r.Version, r.Licence, bytes.TrimSpace(notice))
	return nil
}

// upstream is the version without Debian's revision.
func upstream(version string) string {
	version, _, _ = strings.Cut(version, "-")
	return version
}

// describe notes what a control file says.
func (p *packer) describe(r *recipes.Recipe, name string, control []byte) {
	e := pack.Extension{Name: name, Licence: r.Licence, Source: r.Package + " " + r.Version, Preload: r.Preload, Settings: r.Settings}
	for _, m := range line.FindAllStringSubmatch(string(control), -1) {
		switch value := cmp.Or(strings.ReplaceAll(m[2], "''", "'"), m[3]); m[1] {
		case "default_version":
			e.Version = value
		case "comment":
			e.Comment = value
		case "requires":
			for _, name := range strings.Split(value, ",") {
				e.Requires = append(e.Requires, strings.TrimSpace(name))
			}
		}
	}
	p.list = append(p.list, e)
}

// write writes both files.
func (p *packer) write(out string) error {
	slices.SortFunc(p.list, func(a, b pack.Extension) int { return strings.Compare(a.Name, b.Name) })
	index, err := json.MarshalIndent(p.list, "", "\t")
	if err != nil {
		return err
	}
	p.content["licenses/NOTICES.txt"] = []byte(p.notices.String())
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zstd.ZipMethodWinZip, zstd.ZipCompressor(zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20)))
	for _, name := range slices.Sorted(maps.Keys(p.content)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zstd.ZipMethodWinZip})
		if err == nil {
			_, err = w.Write(p.content[name])
		}
		if err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	fmt.Printf("%d extensions, %d files, %.1f MB\n", len(p.list), len(p.content), float64(b.Len())/1e6)
	return errors.Join(os.WriteFile(out+".zip", b.Bytes(), 0o644), os.WriteFile(out+".json", append(index, '\n'), 0o644))
}
