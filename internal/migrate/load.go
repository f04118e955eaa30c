package migrate

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"nself.org/embeddedpg/internal/fault"
)

// File is a migration that has been read.
type File struct {
	Name string // in the file system
	Path string // for people
	Text string
	Script
}

// Load reads files and puts them in the order in which they are applied: by directory, and in it by number where names
// begin with one, else by name. dbmate and atlas go by name alone. It leaves out files that undo others (*.down.sql). show
// makes the path for people of a name; nil: the name. It checks what a tool says of a whole directory: an atlas.sum that
// disagrees is an error, and so are two files of one number where the tool allows none.
//
// A checkpoint of atlas and the files before it are both returned: [Files.Fresh] leaves those out that a new database does
// not need.
func Load(files fs.FS, names []string, show func(string) string) (Files, error) {
	if show == nil {
		show = func(name string) string { return name }
	}
	var list Files
	dirs := map[string]*directory{}
	for _, name := range names {
		if isDown(name) {
			continue
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		dir := path.Dir(name)
		if dirs[dir] == nil {
			dirs[dir] = &directory{fs: files, name: dir, show: show}
		}
		f := File{Name: name, Path: show(name), Text: string(text)}
		reader, err := open(f.Path, f.Text)
		if err != nil {
			return nil, err
		}
		dirs[dir].add(reader, name)
		list = append(list, f)
	}
	for _, d := range dirs {
		if err := d.settle(); err != nil {
			return nil, err
		}
	}
	for i, f := range list {
		d := dirs[path.Dir(f.Name)]
		var err error
		if list[i].Script, err = d.files[f.Name].parse(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b File) int {
		byName := dirs[path.Dir(a.Name)].byName
		return compare(a.Name, b.Name, byName)
	})
	return list, list.unique()
}

// Files are in the order in which they are applied.
type Files []File

// Fresh returns the files that an empty database needs: those from the last checkpoint on, or all.
func (l Files) Fresh() Files {
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].checkpoint {
			return l[i:]
		}
	}
	return l
}

// Pending returns the files that a database still may need, of which applied says what it has: without the checkpoints
// that came too late for it, and without what an applied checkpoint stands for.
func (l Files) Pending(applied func(File) bool) Files {
	if !slices.ContainsFunc(l, applied) {
		return l.Fresh()
	}
	begin := 0
	for i, f := range l {
		if f.checkpoint && applied(f) {
			begin = i
		}
	}
	var out Files
	for i, f := range l {
		if applied(f) || i >= begin && !f.checkpoint {
			out = append(out, f)
		}
	}
	return out
}

// unique finds two files of one number.
func (l Files) unique() error {
	for i := 1; i < len(l); i++ {
		a, b := l[i-1], l[i]
		if b.Tool != Goose && b.Tool != GolangMigrate && b.Tool != Tern || path.Dir(a.Name) != path.Dir(b.Name) {
			continue
		}
		m, _ := Number(a.Name)
		n, _ := Number(b.Name)
		if n != "" && CompareNumbers(m, n) == 0 {
			return &fault.Error{
				Op: "order the files of " + string(b.Tool), Path: b.Path, Err: fmt.Errorf("%s has the same number", path.Base(a.Path)),
				Hint: "give one of them another",
			}
		}
	}
	return nil
}

// directory is what is known of the files of one.
type directory struct {
	fs     fs.FS
	name   string
	show   func(string) string
	files  map[string]*file
	byName bool // the order
}

func (d *directory) add(f *file, name string) {
	if d.files == nil {
		d.files = map[string]*file{}
	}
	d.files[name] = f
}

// goMigration is a migration of goose that is a program.
var goMigration = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]+_.+\.go$`) })

// settle finds out what the directory says of its files.
func (d *directory) settle() error {
	var goose, tern bool
	for name, f := range d.files {
		goose = goose || f.tool == Goose
		tern = tern || f.tool == Tern
		d.byName = d.byName || f.tool == Dbmate || f.tool == Atlas
		if number, _ := Number(name); number == "" && (f.tool == Goose || f.tool == Dbmate || f.tool == Tern) {
			return refuse(f.tool, f.name, 0, "the name does not begin with a number, so "+string(f.tool)+" leaves it out", "name it like 001_name.sql, or give a pattern that it does not match")
		}
	}
	entries, err := fs.ReadDir(d.fs, d.name)
	if err != nil {
		return nil // a file system of single files: nothing is known
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == "tern.conf":
			tern = true
		case name == AtlasSum:
			if err := d.checkSum(entries); err != nil {
				return err
			}
			d.byName = true
			d.claim(Atlas)
		case goose && goMigration().MatchString(name) && !strings.HasSuffix(name, "_test.go"):
			return refuse(Goose, d.show(path.Join(d.name, name)), 0, "a migration in Go cannot be run from here", "have goose apply the directory")
		}
	}
	if tern {
		d.claim(Tern)
	}
	return nil
}

// claim makes plain files those of the tool whose directory it is.
func (d *directory) claim(tool Tool) {
	for _, f := range d.files {
		if f.tool == Plain {
			f.tool = tool
		}
	}
}

// compare orders files by their paths, component by component.
func compare(a, b string, byName bool) int {
	x, y := strings.Split(a, "/"), strings.Split(b, "/")
	for i := range min(len(x), len(y)) {
		c := strings.Compare(x[i], y[i])
		if !byName {
			c = cmp.Or(CompareNumbers(digits(x[i]), digits(y[i])), c)
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}

func digits(s string) string { return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))] }

// CompareNumbers compares numbers as they are written, of any length; what has none comes last.
func CompareNumbers(a, b string) int {
	if a == "" || b == "" {
		return -cmp.Compare(len(a), len(b))
	}
	x, y := strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
}
