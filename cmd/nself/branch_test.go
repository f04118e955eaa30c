package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// branches asks branch list.
func (p *projectDir) branches() map[string]listedBranch {
	p.t.Helper()
	var list []listedBranch
	if err := json.Unmarshal([]byte(p.ok("branch", "list", "--json")), &list); err != nil {
		p.t.Fatal(err)
	}
	all := map[string]listedBranch{}
	for _, b := range list {
		all[b.Name] = b
	}
	return all
}

// on asks a branch, which runs.
func (p *projectDir) on(branch, sql string) string {
	p.t.Helper()
	return strings.TrimSpace(p.ok("--branch", branch, "psql", "-XAtqc", sql))
}

// TestBranches: branches run beside each other with data of their own, and commands act on the current one.
func TestBranches(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.run("branch", "create", "try").says(t, 1, "no database yet", "nself start")
	p.start()
	p.query("CREATE TABLE t AS SELECT 1 AS i")
	p.ok("branch", "create", "try")
	p.ok("branch", "create", "a/b", "--from", "try", "--ttl", "1h")
	p.ok("--branch", "try", "start")
	p.on("try", "UPDATE t SET i = 2")
	if main, try := p.query("TABLE t"), p.on("try", "TABLE t"); main != "1" || try != "2" {
		t.Error("main has", main, "and the branch", try)
	}
	if got := p.on("try", "SHOW max_logical_replication_workers"); got != "0" {
		t.Error("a branch would take the original's subscriptions:", got)
	}
	p.run("--branch", "a/b", "psql").says(t, 1, "not running", "nself --branch a/b start")
	all := p.branches()
	if main, try, ab := all["main"], all["try"], all["a/b"]; len(all) != 3 || !main.Current || main.Status != "ready" || try.Status != "ready" || try.Current ||
		ab.Status != "stopped" || ab.From != "try" || time.Until(ab.Expires) < 50*time.Minute {
		t.Errorf("%+v", all)
	}
	for _, r := range []struct {
		args string
		want []string
	}{
		{"branch create try", []string{"there is one", "delete try"}},
		{"branch create main", []string{"main database"}},
		{"branch create -- -x", []string{"no name for a branch"}},
		{"branch create x --from nothing", []string{"nothing", "no branch, no moment and no backup"}},
		{"branch create x --from latest", []string{"--from latest"}},
		{"branch create x --ttl soon", []string{"--ttl soon", "12h"}},
		{"branch switch tri", []string{"no such branch", "try?"}},
		{"branch delete tri", []string{"no such branch", "try?"}},
		{"branch delete main", []string{"main database", "nself reset"}},
		{"branch delete a/b", []string{"all data of the branch a/b", "--yes"}},
		{"--branch tri psql", []string{"no such branch", "try?"}},
		{"--branch try reset --yes", []string{"nself branch delete try"}},
		{"branch --per-git-branch", []string{"in no repository"}},
	} {
		p.run(strings.Fields(r.args)...).says(t, 1, r.want...)
	}
	// The one that runs gives way, and a/b is the project's database.
	p.ok("branch", "switch", "a/b")
	if got := p.query("TABLE t"); got != "1" {
		t.Error("a/b has", got)
	}
	if s := p.state(); s.Branch != "a/b" || !strings.HasSuffix(s.Name, "@a/b") {
		t.Errorf("%+v", s)
	}
	if all := p.branches(); all["main"].Status != "stopped" || !all["a/b"].Current || all["try"].Status != "ready" {
		t.Errorf("%+v", all)
	}
	p.run("branch", "delete", "a/b", "--yes").says(t, 1, "current", "switch main")
	// Without one that runs, it is a note alone; what is gone by hand is told.
	p.ok("stop")
	p.ok("branch", "switch", "try")
	p.ok("branch", "switch", "a/b")
	if err := os.RemoveAll(p.branches()["a/b"].Runtime); err != nil {
		t.Fatal(err)
	}
	p.run("psql").says(t, 1, "a/b", "no such branch", "switch main")
	p.run("start").says(t, 1, "a/b", "no such branch")
	p.ok("branch", "switch", "main")
	p.ok("branch", "delete", "try", "--yes")
	p.start()
	if got := p.query("TABLE t"); got != "1" {
		t.Error("main has", got)
	}
	p.ok("branch", "create", "last")
	if out := p.ok("reset", "--yes", "--purge"); !strings.Contains(out, "last") {
		t.Error(out)
	}
	if _, err := os.Stat(filepath.Join(p.dir, ".nself")); err == nil {
		t.Error("reset left something")
	}
}

// TestBranchSwitchListen: the TCP address is the current branch's, so that clients find the same address.
func TestBranchSwitchListen(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.ok("start", "--embedded-pg", "--only", "postgres", "--listen", "127.0.0.1:0")
	address := p.state().Listen
	p.ok("branch", "create", "try")
	p.ok("branch", "switch", "try")
	if s := p.state(); s.Branch != "try" || s.Listen != address {
		t.Errorf("%+v, want it at %s", s, address)
	}
	p.ok("--branch", "main", "start")
	if all := p.branches(); all["main"].Status != "ready" || !all["try"].Current {
		t.Errorf("%+v", all)
	}
	p.ok("--branch", "main", "stop")

	// One that cannot be started leaves the present one as it was.
	p.ok("branch", "create", "broken")
	conf := filepath.Join(p.branches()["broken"].Runtime, "pgdata", "postgresql.conf")
	if err := os.WriteFile(conf, []byte("nonsense = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := p.run("branch", "switch", "broken", "--yes"); r.code != 1 || !strings.Contains(r.err, "Going back") || !strings.Contains(r.err, "nonsense") {
		t.Errorf("%+v", r)
	}
	if s := p.state(); s.Branch != "try" || s.Phase != supervisor.Ready || s.Listen != address {
		t.Errorf("%+v", s)
	}
}

// TestBranchExpires: only what was made with --ttl goes, and not while it is current or runs.
func TestBranchExpires(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	for _, name := range []string{"idle", "runs", "current"} {
		p.ok("branch", "create", name, "--ttl", "1ms")
	}
	// "idle" went when the next was made.
	if all := p.branches(); len(all) != 2 {
		t.Errorf("%+v", all)
	}
	p = newProject(t)
	p.start()
	p.ok("branch", "create", "stays")
	for _, name := range []string{"idle", "runs", "current"} {
		p.ok("branch", "create", name, "--ttl", "1h")
	}
	p.ok("--branch", "runs", "start")
	p.ok("branch", "switch", "current")
	for _, name := range []string{"idle", "runs", "current"} {
		file := filepath.Join(p.branches()[name].Runtime, "branch.json")
		b := must(os.ReadFile(file))
		var fields map[string]any
		if err := json.Unmarshal(b, &fields); err != nil {
			t.Fatal(err)
		}
		fields["expires"] = time.Now().Add(-time.Hour)
		if err := os.WriteFile(file, must(json.Marshal(fields)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if all := p.branches(); len(all) != 5 {
		t.Errorf("list deleted something: %+v", all)
	}
	if out := p.ok("branch", "prune"); !strings.Contains(out, "idle") {
		t.Error(out)
	}
	all := p.branches()
	for _, name := range []string{"main", "stays", "runs", "current"} {
		if all[name].Name == "" {
			t.Error(name, "is gone")
		}
	}
	if len(all) != 4 {
		t.Errorf("%+v", all)
	}
}

// TestBranchGit: the database follows the branch that Git has checked out.
func TestBranchGit(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	checkout := func(head string) {
		p.write(".git/HEAD", head+"\n")
		if name, ok := strings.CutPrefix(head, "ref: "); ok {
			p.write(".git/"+name, "8d2636da55da593c421e1cb09eea502a05556a69\n")
		}
	}
	checkout("ref: refs/heads/main")
	p.start()
	p.query("CREATE TABLE t AS SELECT 1 AS i")
	p.ok("branch", "--per-git-branch")
	if got := p.query("TABLE t"); got != "1" {
		t.Error(got)
	}
	checkout("ref: refs/heads/feature/x")
	p.run("psql").says(t, 1, "not running", "start")
	if out := p.ok("branch"); !strings.Contains(out, "feature/x") {
		t.Error(out)
	}
	p.run("branch", "switch", "main").says(t, 1, "follows Git")
	if r := p.run("start"); r.code != 0 || !strings.Contains(r.err, "feature/x") {
		t.Errorf("%+v", r)
	}
	if got := p.query("UPDATE t SET i = 2 RETURNING i"); got != "2" {
		t.Error(got)
	}
	if all := p.branches(); all["main"].Status != "stopped" || all["feature/x"].Status != "ready" || !all["feature/x"].Current {
		t.Errorf("%+v", all)
	}
	checkout("8d2636da55da593c421e1cb09eea502a05556a69") // detached: it stays where it was
	if got := p.query("TABLE t"); got != "2" {
		t.Error(got)
	}
	checkout("ref: refs/heads/main")
	p.run("branch", "delete", "nothing").says(t, 1, "no such branch")
	p.start()
	if got := p.query("TABLE t"); got != "1" {
		t.Error(got)
	}
	if all := p.branches(); all["feature/x"].Status != "stopped" || all["feature/x"].GitGone {
		t.Errorf("%+v", all)
	}
	if err := os.Remove(filepath.Join(p.dir, ".git/refs/heads/feature/x")); err != nil {
		t.Fatal(err)
	}
	if all := p.branches(); !all["feature/x"].GitGone {
		t.Errorf("%+v", all)
	}
	// What ran before Git's branch was changed stops with the project.
	checkout("ref: refs/heads/z")
	if out := p.ok("stop"); !strings.Contains(out, "main database") || p.branches()["main"].Status != "stopped" {
		t.Error(out)
	}
	// A command's own database, on a new branch.
	checkout("ref: refs/heads/y")
	if out := p.ok("run", "--", "sh", "-c", `"$0" psql "$DATABASE_URL" -XAtc "TABLE t"`, os.Args[0]); strings.TrimSpace(out) != "1" {
		t.Error(out)
	}
	if err := os.RemoveAll(filepath.Join(p.dir, ".git")); err != nil {
		t.Fatal(err)
	}
	p.run("status").says(t, 1, "in no repository", "--per-git-branch=false")
	p.ok("branch", "--per-git-branch=false")
	if all := p.branches(); len(all) != 3 || !all["main"].Current {
		t.Errorf("%+v", all)
	}
}

// TestBranchOfBackups: branches of a dump, of a base backup, and of a moment.
func TestBranchOfBackups(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: backups and recoveries take seconds of every processor")
	}
	t.Parallel()
	p := newProject(t, "BACKUP_DIR="+t.TempDir(), "NSELF_WAL_ARCHIVE=true", "PROJECT_NAME=shop")
	p.start()
	p.query("CREATE TABLE t AS SELECT 1 AS i")
	p.ok("backup", "create")
	p.ok("branch", "create", "dump", "--from", "latest")
	p.ok("backup", "create", "--type", "base")
	p.query("INSERT INTO t VALUES (2)")
	time.Sleep(1100 * time.Millisecond) // the moment has whole milliseconds, and backups whole seconds
	moment := p.query("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
	time.Sleep(10 * time.Millisecond)
	p.query("INSERT INTO t VALUES (3)")
	p.ok("branch", "create", "moment", "--from", moment)
	p.ok("branch", "create", "base", "--from", "latest")
	p.run("branch", "create", "early", "--from", "2020-01-01T00:00:00Z").says(t, 1, "no base backup from before")
	for name, want := range map[string]string{"dump": "1", "base": "1", "moment": "1 2", "main": "1 2 3"} {
		p.ok("--branch", name, "start")
		if got := p.on(name, "SELECT string_agg(i::text, ' ' ORDER BY i) FROM t"); got != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
		if name != "main" {
			if got := p.on(name, "SHOW archive_mode"); got != "off" {
				t.Errorf("%s archives its log: %s", name, got)
			}
			p.ok("--branch", name, "stop")
		}
	}
	p.ok("--branch", "base", "start")
	p.ok("--branch", "base", "backup", "create", "--tag", "ofbranch")
	if out := p.ok("backup", "list"); strings.Contains(out, "ofbranch") {
		t.Error("a branch's backup is the main database's:", out)
	}
}

var branchKills = flag.Int("branchkills", 8, "how often TestBranchKilled kills a command")

// TestBranchKilled kills nself branch create at moments within its time: the branch is whole or not there.
func TestBranchKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: branches take seconds")
	}
	t.Parallel()
	p := newProject(t)
	p.start()
	p.query("CREATE TABLE t AS SELECT i FROM generate_series(1, 10000) i")
	begin := time.Now()
	p.ok("branch", "create", "whole")
	limit := time.Since(begin) * 5 / 4
	made, gone := 0, 0
	for i := range *branchKills {
		name := fmt.Sprint("b", i)
		cmd := p.command("branch", "create", name)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wait := time.Duration(float64(limit) * (float64(i) + rand.Float64()) / float64(*branchKills))
		time.Sleep(wait)
		_ = cmd.Process.Signal(syscall.SIGKILL) // it may have ended
		_ = cmd.Wait()
		if _, there := p.branches()[name]; !there {
			gone++
			continue
		}
		if made++; made%3 == 1 {
			p.ok("--branch", name, "start")
			if got := p.on(name, "SELECT sum(i) FROM t"); got != "50005000" {
				t.Errorf("killed after %s, the branch has %s", wait, got)
			}
		}
		p.ok("branch", "delete", name, "--yes")
	}
	t.Log(made, "whole and", gone, "not there, killed within", limit)
	p.ok("branch", "create", "next") // clears what is left
	var left []string
	for _, e := range must(os.ReadDir(filepath.Join(p.dir, defaultRuntime, "branches"))) {
		left = append(left, e.Name())
	}
	if got := strings.Join(left, " "); got != ".lock next whole" {
		t.Error("left:", got)
	}
	for range 100 { // the sessions of killed ones end by themselves
		if p.query("SELECT count(*) FROM pg_replication_slots") == "0" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("replication slots are left")
}
