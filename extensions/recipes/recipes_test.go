package recipes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg/extensions/recipes"
)

const sound = "# a comment\nsource pkg 1-1 pkg_1.tar.gz 00\nlicence MIT\nlanguage C\n"

func TestParse(t *testing.T) {
	r, err := recipes.Parse("x", []byte(sound+"make A=1 B=2\npreload x\nsetting x.a the value\nskip one it needs the moon\n"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != "1-1" || len(r.Make) != 2 || r.Settings["x.a"] != "the value" || r.Skipped["one"] != "it needs the moon" {
		t.Errorf("%+v", r)
	}
	for _, bad := range []string{"", sound + "what ever\n", sound + "skip one\n", sound + "source a b\n", strings.Replace(sound, " C\n", " Ada\n", 1)} {
		if _, err := recipes.Parse("x", []byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestRecipes: every recipe of the folder can be read, and what it names is there.
func TestRecipes(t *testing.T) {
	list, err := recipes.ReadAll("..")
	if err != nil || len(list) == 0 {
		t.Fatal(len(list), err)
	}
	for _, r := range list {
		if len(r.SHA256) != 64 || (r.Notice == "" && r.Dropped == "") {
			t.Errorf("%s: it needs a SHA-256, and a notice if it is packed", r.Name)
		}
		for _, l := range r.Library {
			if _, err := os.Stat(filepath.Join("../lib", l, "build")); err != nil {
				t.Errorf("%s: %v", r.Name, err)
			}
		}
	}
}
