package migrate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"nself.org/embeddedpg/internal/fault"
)

// Kind is one of the two sorts of files.
type Kind struct {
	Name   string   // singular, for people
	table  string   // the ledger
	dirs   []string // where the files are looked for; the first that exists has them
	number bool     // names begin with a number, which is the version
}

// The kinds. A migration is <number>_<name>.sql, or <number>_<name>.up.sql with .down.sql beside it, or
// a directory <number>_<name> with up.sql and down.sql, as Hasura's command line makes them. A seed is
// any .sql file; they go by name.
var (
	Migrations = Kind{"migration", "migrations", []string{"hasura/migrations/default", "hasura/migrations", "migrations"}, true}
	Seeds      = Kind{"seed", "seeds", []string{"hasura/seeds/default", "hasura/seeds", "seeds"}, false}
)

// File is one step.
type File struct {
	Version string // the number as it is written, or a seed's name
	Name    string
	Path    string // as found: relative if the directory was
	Down    string // path of the file that undoes it; "" if there is none
	SHA256  string // of Path's contents
	sql     string
}

// Dir returns the directory of a kind's files below root: the wanted one, or the first that exists, or the
// last of the candidates.
func (k Kind) Dir(root, wanted string) string {
	if wanted != "" {
		return wanted
	}
	for _, dir := range k.dirs {
		if st, err := os.Stat(filepath.Join(root, dir)); err == nil && st.IsDir() {
			return filepath.Join(root, dir)
		}
	}
	return filepath.Join(root, k.dirs[len(k.dirs)-1])
}

// Files returns the files of a directory in the order in which they are applied; none if there is no such
// directory.
func (k Kind) Files(dir string) ([]File, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []File
	for _, e := range entries {
		f, ok := k.file(dir, e)
		if !ok {
			continue
		}
		if f.Version == "" {
			return nil, &fault.Error{
				Op: "use the " + k.Name, Path: f.Path, Err: errors.New("its name does not begin with a number"),
				Hint: "the number says when it is applied: name it like 001_" + f.Name + ".sql; nself db migrate create makes such files",
			}
		}
		if err := f.read(); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	slices.SortFunc(files, k.compare)
	for i := 1; i < len(files); i++ {
		if k.compare(files[i-1], files[i]) == 0 {
			return nil, &fault.Error{
				Op: "order the " + k.Name + "s in", Path: dir, Err: fmt.Errorf("%s and %s have the same number", filepath.Base(files[i-1].Path), filepath.Base(files[i].Path)),
				Hint: "give the one that was not applied yet another",
			}
		}
	}
	return files, nil
}

// file makes a File of a directory entry, if it is one.
func (k Kind) file(dir string, e fs.DirEntry) (File, bool) {
	name := e.Name()
	if strings.HasPrefix(name, ".") {
		return File{}, false
	}
	f := File{Path: filepath.Join(dir, name)}
	if e.IsDir() {
		if !k.number || !exists(filepath.Join(f.Path, "up.sql")) {
			return File{}, false
		}
		f.Down = filepath.Join(f.Path, "down.sql")
		f.Path = filepath.Join(f.Path, "up.sql")
	} else {
		stem, isSQL := strings.CutSuffix(name, ".sql")
		if !isSQL || k.number && strings.HasSuffix(stem, ".down") {
			return File{}, false
		}
		if k.number {
			stem = strings.TrimSuffix(stem, ".up")
		}
		name = stem
		f.Down = filepath.Join(dir, stem+".down.sql")
	}
	if !k.number || !exists(f.Down) {
		f.Down = ""
	}
	f.Version, f.Name = name, name
	if k.number {
		rest := strings.TrimLeft(name, "0123456789")
		f.Version, f.Name = name[:len(name)-len(rest)], strings.TrimLeft(rest, "_-.")
	}
	return f, true
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (f *File) read() error {
	b, err := os.ReadFile(f.Path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	f.SHA256, f.sql = hex.EncodeToString(sum[:]), strings.TrimPrefix(string(b), "\ufeff")
	return nil
}

// compare orders by number, whatever zeros it begins with, or by name.
func (k Kind) compare(a, b File) int {
	if !k.number {
		return strings.Compare(a.Version, b.Version)
	}
	x, y := strings.TrimLeft(a.Version, "0"), strings.TrimLeft(b.Version, "0")
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
}

// One returns the File at a path, whatever its name.
func One(path string) (File, error) {
	f := File{Version: strings.TrimSuffix(filepath.Base(path), ".sql"), Path: path}
	f.Name = f.Version
	return f, f.read()
}
