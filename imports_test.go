package embeddedpg_test

import (
	osexec "os/exec"
	"slices"
	"strings"
	"testing"
)

// layers are the packages of this module from the bottom up: a package imports only packages of layers below its
// own. Commands and tests stand on top.
var layers = [][]string{
	{"extensions/pack", "extensions/recipes", "internal/abi", "internal/fault", "internal/wasmfile", "wasm2llvm"},
	{"internal/vfs", "internal/image", "internal/sqlwire", "internal/hostdir", "internal/ring"},
	{"internal/kernel", "internal/vfs/vfstest", "internal/testenv", "internal/connect", "internal/migrate"},
	{"internal/vm"},
	{"internal/programs", "internal/listen", "internal/cluster"},
	{"internal/pgclient"},
	{"internal/backup"},
	{"internal/move"},
	{""},
	{"pgxembed", "promembed", "pgtest/internal/testserver"},
	{"pgtest"},
	{"pgtest/pgxtest"},
}

// withCgo are the only packages that may import "C", and wasmtime: vm, and the oracle of the translator's tests.
var withCgo = []string{"internal/vm", "tests/wasm2llvm/oracle"}

func TestImportsPointDown(t *testing.T) {
	const module = "nself.org/embeddedpg"
	out, err := osexec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	relative := func(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, module), "/") }
	level := map[string]int{}
	for i, names := range layers {
		for _, name := range names {
			level[name] = i
		}
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		pkg := relative(words[0])
		own, ok := level[pkg]
		if !ok && !strings.HasPrefix(pkg, "cmd/") && !strings.HasPrefix(pkg, "tests/") && pkg != "extensions/makepack" && pkg != "pgtest/open" && pkg != "pgtest/serve" {
			t.Errorf("%s is in no layer: add it to the table", pkg)
		}
		if !ok {
			own = len(layers)
		}
		seen++
		for _, imported := range words[1:] {
			if imported == "C" && !slices.Contains(withCgo, pkg) {
				t.Errorf("%s uses cgo", pkg)
			}
			if strings.Contains(imported, "wasmtime") && !slices.Contains(withCgo, pkg) {
				t.Errorf("%s imports %s", pkg, imported)
			}
			if (pkg == "" || pkg == "pgtest") && strings.Contains(imported, "/pgx") {
				t.Errorf("package %q imports %s: users choose their own driver", pkg, imported)
			}
			if _, library := level[pkg]; library && pkg != "promembed" && strings.HasPrefix(imported, "github.com/prometheus/") {
				t.Errorf("package %q imports %s: only those who want metrics link that", pkg, imported)
			}
			if imported != module && !strings.HasPrefix(imported, module+"/") {
				continue
			}
			if top, _, _ := strings.Cut(pkg, "/"); (top == "tests" || top == "cmd") && strings.HasPrefix(relative(imported), top+"/") {
				continue // the compiler guards the command's own packages; programs that measure share what they measure against
			}
			if below, ok := level[relative(imported)]; !ok || below >= own {
				t.Errorf("%s imports %s, which is not below it", pkg, imported)
			}
		}
	}
	if seen < len(level) {
		t.Errorf("go list names %d packages, the table %d", seen, len(level))
	}
}
