// Package recipes reads the recipes of this folder: NAME/recipe says where an extension's source is from, how it is built and
// tested, and what it needs of a server. build.sh reads the same files.
package recipes

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Recipe is one extension's. In the file each is a line of a word and a value; empty lines and # are comments.
type Recipe struct {
	Name     string   // of the folder
	Package  string   // source: Debian's source package
	Version  string   // of that package
	File     string   // its tar file
	SHA256   string   // of the file
	Licence  string   // licence: as SPDX names it
	Language string   // language: C, C++ or SQL
	Notice   string   // notice: the file in the source with the licence's text
	Folder   string   // folder: of the makefile within the source; "": the top
	Prepare  string   // prepare: a command to run in the source before make
	Make     []string // make: arguments
	Library  []string // library: folders of lib that it links

	Preload  []string          // preload: modules for shared_preload_libraries
	Settings map[string]string // setting: of the server; $database is a database's name

	Tests   []string          // test: those to run, in place of what the makefile says
	TAP     []string          // tap: patterns of files with tests in pgTAP
	Input   string            // input: pg_regress's --inputdir, in place of the makefile's
	Load    []string          // load: extensions that are created before the tests
	Before  string            // before: SQL that is run before the tests
	Temp    map[string]string // with: settings of the server that is tested
	Skipped map[string]string // skip: a test that is not run, and why
	Failing map[string]string // fails: a test that fails, and why
	Untried string            // untested: why no test is run
	Dropped string            // unpacked: why it is in no Go module
}

// Parse reads the recipe of an extension.
func Parse(name string, text []byte) (*Recipe, error) {
	r := &Recipe{
		Name: name, Settings: map[string]string{}, Temp: map[string]string{},
		Skipped: map[string]string{}, Failing: map[string]string{},
	}
	single := map[string]*string{
		"licence": &r.Licence, "language": &r.Language, "notice": &r.Notice, "folder": &r.Folder, "prepare": &r.Prepare,
		"input": &r.Input, "before": &r.Before, "untested": &r.Untried, "unpacked": &r.Dropped,
	}
	several := map[string]*[]string{
		"make": &r.Make, "library": &r.Library, "preload": &r.Preload, "test": &r.Tests, "tap": &r.TAP, "load": &r.Load,
	}
	pairs := map[string]map[string]string{"setting": r.Settings, "with": r.Temp, "skip": r.Skipped, "fails": r.Failing}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		word, value, _ := strings.Cut(line, " ")
		key, rest, _ := strings.Cut(value, " ")
		f := strings.Fields(value)
		switch {
		case word == "source" && len(f) == 4:
			r.Package, r.Version, r.File, r.SHA256 = f[0], f[1], f[2], f[3]
		case single[word] != nil && value != "":
			*single[word] = value
		case several[word] != nil && value != "":
			*several[word] = append(*several[word], f...)
		case pairs[word] != nil && rest != "":
			pairs[word][key] = rest
		default:
			return nil, fmt.Errorf("%s: line %d: what is %q?", name, n, line)
		}
	}
	if r.Package == "" || r.Licence == "" || !slices.Contains([]string{"C", "C++", "SQL"}, r.Language) {
		return nil, fmt.Errorf("%s: it needs a source, a licence and a language", name)
	}
	return r, lines.Err()
}

// ReadAll reads the recipes of all extensions, in order of their names.
func ReadAll(folder string) (list []*Recipe, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*/recipe"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		r, err := Parse(filepath.Base(filepath.Dir(f)), text)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}
