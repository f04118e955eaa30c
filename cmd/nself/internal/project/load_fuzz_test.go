package project_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg/cmd/nself/internal/project"
	"nself.org/embeddedpg/internal/fault"
)

// FuzzLoad reads a .env file of any content: it gives variables, the same each time, or an error that says where or
// what to do.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		"", "A=1\nB='two'\n", "export A=\"x\\n$B ${C}\"\n", "A", "=1", "A='\n", "A=\"", "# only\r\n", "A=1 # c\nA=2", "A: yaml", "\xef\xbb\xbfA=1", "A=\x00", "ENV=../x\n",
		"A=${A}\n", "A=${", "POSTGRES_PORT=99999\nEMBEDDED_PG=maybe", "a b=c",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ".env"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := project.Load(dir, nil)
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) || e.Hint == "" && e.Path == "" {
				t.Errorf("%q: the error says neither where nor what to do: %v", content, err)
			}
			return
		}
		for name := range p.Vars() {
			if name == "" || strings.ContainsAny(name, "=\x00\n") {
				t.Errorf("%q: a variable is named %q", content, name)
			}
		}
		again, err := project.Load(dir, nil)
		if err != nil || !maps.Equal(p.Vars(), again.Vars()) {
			t.Errorf("%q: %v, and then %v, %v", content, p.Vars(), again.Vars(), err)
		}
	})
}
