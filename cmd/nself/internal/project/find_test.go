package project_test

import (
	"os"
	"path/filepath"
	"testing"

	"nself.org/embeddedpg/cmd/nself/internal/project"
)

func TestFind(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"home/.nself/cache", "home/shop/.nself/embedded-pg/pgdata", "home/shop/a/b", "home/env/web/src", "home/none/a", "home/env/db/x"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"home/env/.env": "# x\nexport PROJECT_NAME=env\n", "home/env/web/.env": "VITE_URL=http://localhost\n", "home/env/db/.env": "POSTGRES_DB=other\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]string{
		"home/shop": "home/shop", "home/shop/a/b": "home/shop", "home/shop/.nself": "home/shop",
		"home/env/web/src": "home/env", "home/env/web": "home/env", // a .env that is another program's is none of nself's
		"home/env/db/x": "home/env/db",                 // the nearest
		"home/none/a":   "home/none/a", "home": "home", // compiled code in .nself is no project
	} {
		if got := project.Find(filepath.Join(root, dir)); got != filepath.Join(root, want) {
			t.Errorf("%s: %s, want %s", dir, got, want)
		}
	}
	if os.Geteuid() != 0 {
		t.Log("not root: the owners of directories are not tried")
		return
	}
	// Somebody else's directory above is not taken, unless the present one is theirs too.
	if err := os.Chown(filepath.Join(root, "home/shop"), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(root, "home/shop/a/b")
	if got := project.Find(below); got != below {
		t.Error("somebody else's project is used:", got)
	}
	if err := os.Chown(below, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if got := project.Find(below); got != filepath.Join(root, "home/shop") {
		t.Error(got)
	}
}

func TestSet(t *testing.T) {
	const before = "# comment\nA='x\nNSELF_ONLY=not a variable\ny'\nexport NSELF_LISTEN = old # note\nB=2"
	dir := files(t, map[string]string{".env": before})
	set := func(vars map[string]string) *project.Project {
		t.Helper()
		if err := project.Set(dir, vars); err != nil {
			t.Fatal(err)
		}
		p, err := project.Load(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if p.Get("A") != "x\nNSELF_ONLY=not a variable\ny" || p.Get("B") != "2" {
			t.Errorf("other variables have changed: %q %q", p.Get("A"), p.Get("B"))
		}
		return p
	}
	p := set(map[string]string{"NSELF_LISTEN": "127.0.0.1:5432", "NSELF_ONLY": "postgres"})
	if p.Get("NSELF_LISTEN") != "127.0.0.1:5432" || p.Get("NSELF_ONLY") != "postgres" {
		t.Errorf("%q %q", p.Get("NSELF_LISTEN"), p.Get("NSELF_ONLY"))
	}
	p = set(map[string]string{"NSELF_LISTEN": ""})
	if p.Get("NSELF_LISTEN") != "" || p.Get("NSELF_ONLY") != "postgres" {
		t.Errorf("%q %q", p.Get("NSELF_LISTEN"), p.Get("NSELF_ONLY"))
	}
	if st, err := os.Stat(filepath.Join(dir, ".env")); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st, err)
	}
	if err := project.Set(t.TempDir(), map[string]string{"NSELF_ONLY": "postgres"}); err == nil {
		t.Error("a .env was made")
	}
}
