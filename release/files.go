package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// file is one that people get. Its name is that in the archive; an installed package has it at path.
type file struct {
	name, path string
	data       []byte
	mode       fs.FileMode
}

// untested is said where nobody of us can run the program.
const untested = `Built for macOS on Linux, linked against lists of what macOS exports, and never run by us.
nself doctor --selftest says in a minute how far it works: please send us its lines.
The program has no signature but the linker's own. If macOS keeps it from running because it was
downloaded: xattr -d com.apple.quarantine nself
`

// files gathers what goes into an archive and into the packages.
func (r *release) files(p platform, program string) ([]file, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var list []file
	add := func(mode fs.FileMode, name, path, source string) {
		data, e := os.ReadFile(source)
		if e != nil && err == nil {
			err = e
		}
		list = append(list, file{name, path, data, mode})
	}
	const docs = "/usr/share/doc/nself/"
	add(0o755, "nself", "/usr/bin/nself", program)
	for _, name := range []string{"LICENSE", "NOTICE", "README.md"} {
		add(0o644, name, docs+name, filepath.Join(r.top, name))
	}
	add(0o644, "LICENSES-postgresql.txt", docs+"LICENSES-postgresql.txt", filepath.Join(r.top, "internal/image/LICENSES.txt"))
	add(0o644, "completions/nself.bash", "/usr/share/bash-completion/completions/nself", filepath.Join(r.built, "completions/nself.bash"))
	add(0o644, "completions/_nself", "/usr/share/zsh/vendor-completions/_nself", filepath.Join(r.built, "completions/_nself"))
	add(0o644, "completions/nself.fish", "/usr/share/fish/vendor_completions.d/nself.fish", filepath.Join(r.built, "completions/nself.fish"))
	pages, _ := filepath.Glob(filepath.Join(r.built, "man/*.1"))
	for _, page := range pages {
		add(0o644, "man/man1/"+filepath.Base(page), "/usr/share/man/man1/"+filepath.Base(page), page)
	}
	if err != nil {
		return nil, err
	}
	if len(pages) == 0 {
		return nil, fmt.Errorf("no man pages in %s", r.built)
	}
	licences, err := r.licences(info)
	if err != nil {
		return nil, err
	}
	bom, err := r.bom(p, info)
	if err != nil {
		return nil, err
	}
	list = append(list, file{"LICENSES-go.txt", docs + "LICENSES-go.txt", licences, 0o644}, file{"sbom.cdx.json", docs + "sbom.cdx.json", bom, 0o644})
	if p.system == "darwin" {
		list = append(list, file{name: "NOT-TESTED", data: []byte(untested), mode: 0o644})
	}
	return list, nil
}

// licences are those of Go and of the modules that are part of the program.
func (r *release) licences(info *buildinfo.BuildInfo) ([]byte, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := texts(&b, "Go "+info.GoVersion, strings.TrimSpace(string(root))); err != nil {
		return nil, err
	}
	download := exec.Command("go", "mod", "download", "-json")
	for _, m := range info.Deps {
		download.Args = append(download.Args, m.Path+"@"+m.Version)
	}
	out, err := download.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", download, err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var got struct{ Path, Version, Dir string }
		if err := d.Decode(&got); err != nil {
			return nil, err
		}
		if err := texts(&b, got.Path+" "+got.Version, got.Dir); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// texts appends a module's licence and notices.
func texts(b *bytes.Buffer, title, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !slices.ContainsFunc([]string{"LICEN", "COPYING", "NOTICE"}, func(word string) bool { return strings.HasPrefix(name, word) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		found = true
		fmt.Fprintf(b, "%s\n%s: %s\n\n%s\n\n", strings.Repeat("=", 80), title, e.Name(), bytes.TrimSpace(text))
	}
	if !found {
		return fmt.Errorf("%s has no licence in %s", title, dir)
	}
	return nil
}

// base is the name of an archive, and of the folder in it.
func (r *release) base(p platform) string { return "nself-" + r.version + "-" + p.String() }

// archive writes the files as a tar file.
func (r *release) archive(p platform, files []file) error {
	var b bytes.Buffer
	z := gzip.NewWriter(&b) // most of it is compressed already
	t := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Name: r.base(p) + "/" + f.name, Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: r.when, Format: tar.FormatPAX}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, r.base(p)+".tar.gz"), b.Bytes(), 0o644)
}

// sums writes SHA256SUMS of everything that there is.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries {
		if e.Name() == "SHA256SUMS" {
			continue
		}
		sum, err := sumOf(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s  %s\n", sum, e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(b.String()), 0o644)
}

// sumOf is a file's SHA-256, in hexadecimal.
func sumOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
