package migrate

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"nself.org/embeddedpg/internal/fault"
)

// AtlasSum is the file in which atlas keeps the sums of a directory: HashFileName in sql/migrate/dir.go of ariga.io/atlas.
const AtlasSum = "atlas.sum"

// checkSum compares the directory with its atlas.sum. The sum of each file is over its name and contents and those before it,
// in the order of their names.
func (d *directory) checkSum(entries []fs.DirEntry) error {
	text, err := fs.ReadFile(d.fs, path.Join(d.name, AtlasSum))
	if err != nil {
		return err
	}
	wanted := strings.Split(strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
	var names []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".sql") {
			names = append(names, e.Name())
		}
	}
	got, err := d.sums(names)
	if err != nil || slices.Equal(got, wanted) {
		return err
	}
	where := AtlasSum
	for i := 1; i < max(len(got), len(wanted)); i++ { // the first line is the sum of the others
		if i >= len(got) {
			where, _, _ = strings.Cut(wanted[i], " ")
			break
		}
		if i >= len(wanted) || got[i] != wanted[i] {
			where, _, _ = strings.Cut(got[i], " ")
			break
		}
	}
	return &fault.Error{
		Op: "read", Path: d.show(path.Join(d.name, where)), Err: errors.New("it does not agree with atlas.sum: a file was changed, added or removed"),
		Hint: "bring it back as it was, or run atlas migrate hash if the change is meant",
	}
}

// sums returns the lines of an atlas.sum.
func (d *directory) sums(names []string) ([]string, error) {
	slices.Sort(names)
	running, total := sha256.New(), sha256.New()
	lines := []string{""}
	for _, name := range names {
		text, err := fs.ReadFile(d.fs, path.Join(d.name, name))
		if err != nil {
			return nil, err
		}
		running.Write([]byte(name))
		first, _, _ := strings.Cut(string(text), "\n")
		if m := atlasDirective().FindStringSubmatch(strings.TrimSpace(first)); m != nil && m[1] == "sum" && strings.TrimSpace(m[2]) == "ignore" {
			continue
		}
		running.Write(text)
		sum := base64.StdEncoding.EncodeToString(running.Sum(nil))
		total.Write([]byte(name + sum))
		lines = append(lines, name+" h1:"+sum)
	}
	lines[0] = "h1:" + base64.StdEncoding.EncodeToString(total.Sum(nil))
	return lines, nil
}
