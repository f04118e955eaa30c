package stack_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMove runs the stack with PostgreSQL in Docker, moves the data into the embedded database and goes on there, and
// moves it back.
func TestMove(t *testing.T) {
	s := newStack(t)
	if os.Getenv("NSELF_STACK_POSTGRES") == "" {
		t.Skip("needs root, to make PostgreSQL's image: make check-stack")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, fmt.Sprintf("POSTGRES_PORT=%d", l.Addr().(*net.TCPAddr).Port), "NSELF_EMBEDDED_PG=false")
	l.Close()
	t.Cleanup(func() {
		if out, err := s.run("stop", "--volumes", "--yes"); err != nil { // --embedded-pg is off: Docker's own
			t.Error(err, out)
		}
	})
	inDocker := func(sql string) string {
		t.Helper()
		out, err := exec.Command("docker", "exec", s.config().Name+"_postgres", "psql", "-h", "127.0.0.1", "-XAtqc", sql,
			"postgresql://postgres:"+s.config().Get("POSTGRES_PASSWORD")+"@/"+s.config().Get("POSTGRES_DB")).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", sql, err, out)
		}
		return strings.TrimSpace(string(out))
	}

	s.ok("start")
	s.trust()
	s.healthy("postgres")
	if failed, err := s.load("docker"); failed > 0 {
		t.Errorf("%d of 100 requests failed, one with: %v", failed, err)
	}
	s.rows(inDocker, "docker")
	s.ok("stop")

	s.ok("start", "--embedded-pg", "--only", "postgres")
	s.ok("db", "import", "--embedded-pg", "--from-docker", "--overwrite", "--yes")
	s.rows(s.query, "docker")
	if out, err := exec.Command("docker", "ps", "--quiet", "--filter", "label=com.docker.compose.project="+s.config().Name).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("the database in Docker was not stopped again: %s %v", out, err)
	}
	s.ok("start", "--embedded-pg", "--only", "all")
	s.healthy()
	s.good("moved")

	s.ok("db", "import", "--embedded-pg", "--to-docker", "--overwrite", "--yes")
	s.ok("stop", "--embedded-pg")
	s.ok("start")
	s.healthy("postgres")
	s.rows(inDocker, "docker")
	s.rows(inDocker, "moved")
}
