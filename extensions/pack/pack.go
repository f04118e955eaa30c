// Package pack has extensions for embeddedpg.Config: those of the folder above that have a permissive licence, as side
// modules with native code for every processor. docs/extensions.md lists them.
//
//	embeddedpg.Config{Extensions: []fs.FS{pack.FS()}}
//
// After that CREATE EXTENSION finds them. Some are of use only if the server loads them when it starts: Settings has what
// that takes. The files are made by `make extensions`.
package pack

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

//go:embed pack.zip
var packed []byte

//go:embed pack.json
var index []byte

// Extension is one of the pack.
type Extension struct {
	Name    string `json:"name"`
	Version string `json:"version"` // of what CREATE EXTENSION makes; of a module without, of its package
	Comment string `json:"comment"`
	Licence string `json:"licence"`          // as SPDX names it
	Source  string `json:"source"`           // Debian's source package and its version
	Module  bool   `json:"module,omitempty"` // no CREATE EXTENSION: a setting or LOAD names it

	Requires []string          `json:"requires,omitempty"` // other extensions
	Preload  []string          `json:"preload,omitempty"`  // modules that shared_preload_libraries must name
	Settings map[string]string `json:"settings,omitempty"` // that it needs; $database stands for a database's name
}

var list = sync.OnceValue(func() (list []Extension) {
	if err := json.Unmarshal(index, &list); err != nil {
		panic("pack.json: " + err.Error())
	}
	return list
})

// List returns the extensions, in order of their names. The caller must not change it.
func List() []Extension { return list() }

// Find returns the extension of that name.
func Find(name string) (Extension, bool) {
	k, ok := slices.BinarySearchFunc(list(), name, func(e Extension, name string) int { return strings.Compare(e.Name, name) })
	if !ok {
		return Extension{}, false
	}
	return list()[k], true
}

// Settings returns the server's settings that the extensions of these names need, in the order of the names, for use in a
// database. It is empty if CREATE EXTENSION is all that they take. A name that is none of the pack's is taken for a module
// that is to be preloaded.
func Settings(database string, names ...string) map[string]string {
	all := map[string]string{}
	var preload []string
	add := func(module string) {
		if !slices.Contains(preload, module) {
			preload = append(preload, module)
		}
	}
	for _, name := range names {
		e, ok := Find(name)
		if !ok {
			add(name)
		}
		for _, module := range e.Preload {
			add(module)
		}
		for setting, value := range e.Settings {
			all[setting] = strings.ReplaceAll(value, "$database", database)
		}
	}
	if len(preload) > 0 {
		all["shared_preload_libraries"] = strings.Join(preload, ",")
	}
	return all
}

// FS returns the files of all extensions, for embeddedpg.Config or embeddedpg.ChildMain. They are decompressed when they are
// read, and nothing is done before that.
func FS() fs.FS { return files{} }

// files opens the archive when something of it is wanted.
type files struct{}

var archive = sync.OnceValues(func() (*zip.Reader, error) {
	r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return nil, fmt.Errorf("read the pack: %w", err)
	}
	r.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor())
	return r, nil
})

func (files) Open(name string) (fs.File, error) {
	r, err := archive()
	if err != nil {
		return nil, err
	}
	return r.Open(name)
}

// HasNativeCode says that the server need not look for it in each module.
func (files) HasNativeCode() bool { return true }

// Licenses returns the notices of all that is in the pack.
func Licenses() (string, error) {
	r, err := archive()
	if err != nil {
		return "", err
	}
	b, err := fs.ReadFile(r, "licenses/NOTICES.txt")
	return string(b), err
}
