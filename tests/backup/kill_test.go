package backup

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/testenv"
)

// childEnv names what this program does when it is the child of a kill test, and the directory.
const childEnv = "EMBEDDEDPG_BACKUP_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		name, dir, _ := strings.Cut(what, ":")
		if err := child(name, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(testenv.Run(m.Run))
}

// child does one thing again and again until it is killed, and says each time when it has done it.
func child(name, dir string) error {
	ctx := context.Background()
	backups, data := filepath.Join(dir, "backups"), filepath.Join(dir, "data")
	find := func(which string) (*embeddedpg.Backup, error) {
		return embeddedpg.FindBackup(ctx, backups, which, "latest")
	}
	if name == "base" { // restore the base backups in turn
		fmt.Println("ready")
		for i := 0; ; i++ {
			b, err := find([]string{"new", "old"}[i%2])
			if err != nil {
				return err
			}
			r, err := embeddedpg.RestoreBase(ctx, b, embeddedpg.RestoreBaseOptions{DataDir: data})
			if err != nil {
				return err
			}
			if err := os.RemoveAll(r.Kept); err != nil {
				return err
			}
			fmt.Println("round")
		}
	}
	s, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: data, Password: password})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for i := 0; ; i++ {
		switch name {
		case "backup":
			f := formats[i%len(formats)].format
			if _, err := s.Backup(ctx, embeddedpg.BackupOptions{Dir: backups, Name: "killed", Format: f}); err != nil {
				return err
			}
			if _, err := s.BaseBackup(ctx, embeddedpg.BackupOptions{Dir: backups, Name: "killed"}); err != nil {
				return err
			}
		case "restore": // the dumps in turn
			b, err := find([]string{"new", "old"}[i%2])
			if err != nil {
				return err
			}
			if _, err := s.Restore(ctx, b, embeddedpg.RestoreOptions{}); err != nil {
				return err
			}
		}
		fmt.Println("round")
	}
}

// kill runs a child and kills it at some moment of the round after so many.
func kill(t *testing.T, name, dir string, rounds int, wait time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+name+":"+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range 1 + rounds {
		if !lines.Scan() {
			t.Fatal("the child ended: ", cmd.Wait())
		}
	}
	time.Sleep(wait)
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatal("the child ended before it was killed:", err)
	}
}

func newRand(t *testing.T) *rand.Rand {
	t.Logf("seed %d, %d kills", *seed, *kills)
	return rand.New(rand.NewPCG(*seed, 7))
}

// state writes a database whose every table says which state it is of, and enough of them that a restore takes its time.
func state(t *testing.T, conn, name string) {
	t.Helper()
	ctx := context.Background()
	c := connect(t, conn)
	defer c.Close(ctx)
	_, err := c.Exec(ctx, fmt.Sprintf(`DO $$ BEGIN
		FOR i IN 1..20 LOOP
			EXECUTE format('DROP TABLE IF EXISTS t%%s; CREATE TABLE t%%1$s AS SELECT %%L AS state, g, md5(g::text) FROM generate_series(1, 1000) g; CREATE INDEX ON t%%1$s (g)', i, '%s');
		END LOOP; END $$`, name))
	if err != nil {
		t.Fatal(err)
	}
}

// stateOf returns the one state of all tables.
func stateOf(t *testing.T, conn string) string {
	t.Helper()
	ctx := context.Background()
	c := connect(t, conn)
	defer c.Close(ctx)
	states := map[string]int{}
	for i := 1; i <= 20; i++ {
		var s string
		var n int
		if err := c.QueryRow(ctx, fmt.Sprintf("SELECT min(state), count(*) FROM t%d HAVING min(state) = max(state)", i)).Scan(&s, &n); err != nil || n != 1000 {
			t.Errorf("table %d: %d rows, %v", i, n, err)
		}
		states[s]++
	}
	if len(states) != 1 {
		t.Errorf("states are mixed: %v", states)
	}
	for s := range states {
		return s
	}
	return ""
}

func skipKills(t *testing.T) {
	t.Helper()
	switch {
	case testing.Short():
		t.Skip("kills processes: takes some seconds a kill")
	case testenv.Race:
		t.Skip("kills processes at the speed of use; make test runs it without the race detector")
	}
}

// TestKillBackup kills what makes backups: each that is listed is good, and nothing else looks complete.
func TestKillBackup(t *testing.T) {
	skipKills(t)
	rng := newRand(t)
	ctx := context.Background()
	dir := t.TempDir()
	backups := filepath.Join(dir, "backups")
	s := start(t, embeddedpg.Config{DataDir: filepath.Join(dir, "data")})
	state(t, s.ConnString(""), "old")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	partial, listed := 0, 0
	for i := 0; i < *kills || partial == 0 && i < *kills+10; i++ { // a kill may fall between two backups
		kill(t, "backup", dir, rng.IntN(2), time.Duration(100+rng.IntN(1500))*time.Millisecond)
		all, err := embeddedpg.Backups(ctx, backups, "")
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for _, b := range all {
			known[filepath.Base(b.Path)] = true
		}
		entries, err := os.ReadDir(backups)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := e.Name()
			if !known[name] && !strings.HasPrefix(name, ".partial-") && !strings.HasSuffix(name, ".json") {
				t.Errorf("%s is not listed and looks complete", name)
			}
		}
		for i := range all {
			if _, err := embeddedpg.VerifyBackup(ctx, &all[i], embeddedpg.VerifyBackupOptions{}); err != nil {
				t.Errorf("%s: %v", all[i].ID, err)
			}
		}
		listed += len(all)
		p, err := embeddedpg.PruneBackups(ctx, embeddedpg.PruneOptions{Dir: backups, Name: "killed", OlderThan: time.Nanosecond})
		last := map[bool]bool{} // the newest dump and the newest base backup stay
		for _, b := range all {
			last[b.Format.Physical()] = true
		}
		if err != nil || len(p.Backups) != len(all)-len(last) || p.Damaged != nil {
			t.Errorf("pruned %d of %d, %v, %v", len(p.Backups), len(all), p.Damaged, err)
		}
		partial += len(p.Partial)
		if left, _ := os.ReadDir(backups); len(left) != 2*len(last) {
			t.Errorf("prune left %v", left)
		}
	}
	t.Logf("%d complete backups, all good; %d interrupted ones", listed, partial)
	if partial == 0 {
		t.Error("no kill met a backup")
	}
}

// TestKillRestore kills restores of a dump: the database is of one state or the other.
func TestKillRestore(t *testing.T) {
	skipKills(t)
	rng := newRand(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	backUpStates(t, dir, data, func(s *embeddedpg.Server, o embeddedpg.BackupOptions) error {
		_, err := s.Backup(context.Background(), o)
		return err
	})
	seen := map[string]int{}
	for i := range *kills {
		kill(t, "restore", dir, i%2, time.Duration(200+rng.IntN(1500))*time.Millisecond)
		s := start(t, embeddedpg.Config{DataDir: data})
		seen[stateOf(t, s.ConnString(""))]++
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Log("states after kills:", seen)
	// What the last kill left is cleared by the next restore.
	s := start(t, embeddedpg.Config{DataDir: data})
	b, err := embeddedpg.FindBackup(context.Background(), filepath.Join(dir, "backups"), "new", "latest")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Restore(context.Background(), b, embeddedpg.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	c := connect(t, s.ConnString(""))
	defer c.Close(context.Background())
	var names string
	if err := c.QueryRow(context.Background(), "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database").Scan(&names); err != nil || names != "postgres template0 template1" {
		t.Error(names, err)
	}
	if got := stateOf(t, s.ConnString("")); got != "new" {
		t.Error(got)
	}
}

// backUpStates makes a backup named after each state.
func backUpStates(t *testing.T, dir, data string, make func(*embeddedpg.Server, embeddedpg.BackupOptions) error) {
	t.Helper()
	s := start(t, embeddedpg.Config{DataDir: data})
	for _, name := range []string{"new", "old"} {
		state(t, s.ConnString(""), name)
		if err := make(s, embeddedpg.BackupOptions{Dir: filepath.Join(dir, "backups"), Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestKillRestoreBase kills restores of a base backup over a cluster: it is of one state or the other, and starts.
func TestKillRestoreBase(t *testing.T) {
	skipKills(t)
	rng := newRand(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	backUpStates(t, dir, data, func(s *embeddedpg.Server, o embeddedpg.BackupOptions) error {
		_, err := s.BaseBackup(context.Background(), o)
		return err
	})
	seen := map[string]int{}
	for i := range *kills {
		kill(t, "base", dir, i%2, time.Duration(100+rng.IntN(1500))*time.Millisecond)
		s := start(t, embeddedpg.Config{DataDir: data})
		seen[stateOf(t, s.ConnString(""))]++
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Log("states after kills:", seen)
	b, err := embeddedpg.FindBackup(context.Background(), filepath.Join(dir, "backups"), "new", "latest")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := embeddedpg.RestoreBase(context.Background(), b, embeddedpg.RestoreBaseOptions{DataDir: data}); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".nself-recover-*")); left != nil {
		t.Error("left:", left)
	}
}
