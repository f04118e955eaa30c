package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/migrate"
)

// Kind is one of the two sorts of files.
type Kind struct {
	Name   string   // singular, for people
	table  string   // the ledger
	dirs   []string // where the files are looked for; the first that exists has them
	number bool     // names begin with a number, which is the version
}

// The kinds. A migration is <number>_<name>.sql, whichever tool's; or <number>_<name>.up.sql with .down.sql beside it; or a
// directory <number>_<name> with up.sql and down.sql, as Hasura's command line makes them, or with migration.sql. A seed is any
// .sql file; they go by name.
var (
	Migrations = Kind{"migration", "migrations", []string{"hasura/migrations/default", "hasura/migrations", "db/migrations", "migrations"}, true}
	Seeds      = Kind{"seed", "seeds", []string{"hasura/seeds/default", "hasura/seeds", "db/seeds", "seeds"}, false}
)

// File is one step.
type File struct {
	Version string // the number as it is written, or a seed's name
	Name    string
	Path    string // as found: relative if the directory was
	Down    string // path of the file that undoes it; "" if there is none, or it is the same file
	SHA256  string // of Path's contents
	Script  migrate.Script
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

// Files returns the files of a directory in the order in which they are applied; none if there is no such directory. applied
// says which versions the database has; nil: none.
func (k Kind) Files(dir string, applied map[string]bool) ([]File, error) {
	names, err := k.names(dir)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	show := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	list, err := migrate.Load(os.DirFS(dir), names, show)
	if err != nil {
		return nil, hint(err)
	}
	if k.number {
		list = list.Pending(func(f migrate.File) bool { return applied[k.file(dir, f).Version] })
	}
	var files []File
	for _, l := range list {
		f := k.file(dir, l)
		if f.Version == "" {
			return nil, &fault.Error{
				Op: "use the " + k.Name, Path: f.Path, Err: errors.New("its name does not begin with a number"),
				Hint: "the number says when it is applied: name it like 001_" + f.Name + ".sql; nself db migrate create makes such files",
			}
		}
		if i := slices.IndexFunc(files, func(g File) bool { return k.key(g) == k.key(f) }); i >= 0 {
			return nil, &fault.Error{
				Op: "order the " + k.Name + "s in", Path: dir, Err: fmt.Errorf("%s and %s have the same number", filepath.Base(files[i].Path), filepath.Base(f.Path)),
				Hint: "give the one that was not applied yet another",
			}
		}
		files = append(files, f)
	}
	return files, nil
}

// names returns the names of the files in a directory, relative to it.
func (k Kind) names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		if !e.IsDir() {
			if strings.HasSuffix(name, ".sql") {
				names = append(names, name)
			}
			continue
		}
		for _, up := range []string{migrate.UpName, migrate.PrismaName} {
			if k.number && exists(filepath.Join(dir, name, up)) {
				names = append(names, path.Join(name, up))
				break
			}
		}
	}
	return names, err
}

// file makes a File of a file that was read.
func (k Kind) file(dir string, l migrate.File) File {
	f := File{Path: l.Path, Script: l.Script, SHA256: sum(l.Text)}
	if !k.number {
		f.Version = strings.TrimSuffix(filepath.Base(l.Path), ".sql")
		f.Name = f.Version
		return f
	}
	f.Version, f.Name = migrate.Number(l.Name)
	down := path.Join(path.Dir(l.Name), migrate.DownName)
	if base := path.Base(l.Name); base != migrate.UpName && base != migrate.PrismaName {
		down = strings.TrimSuffix(strings.TrimSuffix(l.Name, ".sql"), ".up") + ".down.sql"
	}
	if down = filepath.Join(dir, filepath.FromSlash(down)); exists(down) {
		f.Down = down
	}
	return f
}

// key tells versions apart: a number, whatever zeros it begins with, or a name.
func (k Kind) key(f File) string {
	if !k.number {
		return f.Version
	}
	return strings.TrimLeft(f.Version, "0")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

// One returns the File at a path, whatever its name.
func One(path string) (File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return File{}, err
	}
	f := File{Version: strings.TrimSuffix(filepath.Base(path), ".sql"), Path: path, SHA256: sum(string(text))}
	f.Name = f.Version
	f.Script, err = migrate.Parse(path, string(text))
	return f, hint(err)
}

// hint says what a user of this command can do with a file that is psql's.
func hint(err error) error {
	var told *fault.Error
	if errors.Is(err, migrate.ErrPsql) && errors.As(err, &told) {
		return &fault.Error{Op: told.Op, Path: told.Path, Err: told.Err, Hint: "run the file with nself psql -f, or write it without the command"}
	}
	return err
}

// compare orders versions: numbers, whatever zeros they begin with, or names.
func (k Kind) compare(a, b string) int {
	if !k.number {
		return strings.Compare(a, b)
	}
	return migrate.CompareNumbers(a, b)
}
