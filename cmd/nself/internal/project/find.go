package project

import (
	"os"
	"path/filepath"
	"regexp"
	"sync"
)

// ours is a line of a .env that nself has written, or that is for it.
var ours = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^[ \t]*(export[ \t]+)?(PROJECT_NAME|NSELF_[A-Z_]+|POSTGRES_[A-Z_]+)[ \t]*[=:]`)
})

// Find returns the directory of the project that dir, an absolute path, is in: dir, or the nearest one above it that has an
// embedded database, or a .env with variables of nself's. If there is none it is dir, where a project may begin. As with
// Git's safe.directory, a directory above counts only if its owner is this user or dir's owner: what is in it runs here.
func Find(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if isProject(at) && (at == dir || trusted(at, dir)) {
			return at
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// isProject reports whether a directory has what only a project has. The directory .nself alone is also in a home: compiled
// code is there.
func isProject(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(defaultRuntime), "pgdata")); err == nil {
		return true
	}
	b, err := os.ReadFile(filepath.Join(dir, ".env"))
	return err == nil && ours().Match(b)
}

func trusted(dir, from string) bool {
	owner, ok := ownerOf(dir)
	here, ok2 := ownerOf(from)
	return ok && (owner == uint32(os.Geteuid()) || ok2 && owner == here)
}
