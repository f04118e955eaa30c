package embeddedpg_test

import (
	"os"
	osexec "os/exec"
	"regexp"
	"strings"
	"testing"
)

// ARCHITECTURE.md names every internal package, and only packages, tests and documents that exist.
func TestArchitecture(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	out, err := osexec.Command("go", "list", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]bool{}
	for path := range strings.FieldsSeq(string(out)) {
		packages[strings.TrimPrefix(path, "nself.org/embeddedpg/")] = true
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`(internal/[a-z0-9/]+)`").FindAllStringSubmatch(doc, -1) {
		named[m[1]] = true
		if !packages[m[1]] {
			t.Errorf("%s is named and does not exist", m[1])
		}
	}
	for p := range packages {
		if strings.HasPrefix(p, "internal/") && !named[p] {
			t.Errorf("%s is not named: say in a row what it owns", p)
		}
		if own, ok := strings.CutPrefix(p, "cmd/nself/internal/"); ok && !strings.Contains(doc, "`"+own+"`") {
			t.Errorf("%s is not named", p)
		}
	}
	tests, err := osexec.Command("git", "grep", "-hoE", "^func Test[A-Za-z0-9]+", "--", "*_test.go").Output()
	if err != nil {
		t.Skip("needs git, to list the tests:", err)
	}
	exists := map[string]bool{}
	for line := range strings.Lines(string(tests)) {
		exists[strings.TrimPrefix(strings.TrimSpace(line), "func ")] = true
	}
	for _, name := range regexp.MustCompile(`\bTest[A-Z][A-Za-z0-9]+`).FindAllString(doc, -1) {
		if !exists[name] {
			t.Errorf("test %s is named and does not exist", name)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(doc, -1) {
		if _, err := os.Stat(m[1]); err != nil {
			t.Errorf("a link to %s: %v", m[1], err)
		}
	}
}
