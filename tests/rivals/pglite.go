package rivals

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// PGlitePackages are the npm packages of PGlite and its socket server.
var PGlitePackages = []string{"@electric-sql/pglite@0.5.14", "@electric-sql/pglite-socket@0.2.17"}

// PGlite starts PGlite's socket server under node on the database in Work/pglite, which it makes if it is not there.
// Its settings are its own: fsync is off in it.
func PGlite(ctx context.Context, p Place) (*Server, error) {
	s := &Server{Name: "PGlite", place: p, sockets: filepath.Join(p.Work, "p"), stop: syscall.SIGINT}
	if err := os.MkdirAll(s.sockets, 0o755); err != nil {
		return nil, err
	}
	socket := filepath.Join(s.sockets, ".s.PGSQL.5432")
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	script := filepath.Join(p.NPM, "node_modules/@electric-sql/pglite-socket/dist/scripts/server.js")
	s.command = exec.Command("node", script, "--db="+filepath.Join(p.Work, "pglite"), "--path="+socket, "--max-connections=100")
	return s, s.launch(ctx)
}
