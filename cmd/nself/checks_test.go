package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestCheckFacts judges what cannot be brought about in a test, and the edges of what can.
func TestCheckFacts(t *testing.T) {
	early, late := time.Now().Add(-time.Hour), time.Now()
	quiet := facts{connections: 3, most: 200, reserved: 3, xidAge: 1000, xidDatabase: "d", maxWALSize: 1 << 30}
	for _, tt := range []struct {
		name, check, status string
		change              func(*facts)
	}{
		{"quiet", "", "", func(*facts) {}},
		{"full", "connections", "failure", func(f *facts) { f.full = true }},
		{"full but for superusers", "connections", "failure", func(f *facts) { f.connections = 197 }},
		{"nearly full", "connections", "warning", func(f *facts) { f.connections = 160 }},
		{"busy", "", "", func(f *facts) { f.connections = 159 }},
		{"failed after success", "archive", "failure", func(f *facts) { f.archiving, f.archivedAt, f.failedAt = true, &early, &late }},
		{"failed and never succeeded", "archive", "failure", func(f *facts) { f.archiving, f.failedAt = true, &late }},
		{"failed, then succeeded", "", "", func(f *facts) { f.archiving, f.archivedAt, f.failedAt = true, &late, &early }},
		{"archiving is off", "", "", func(f *facts) { f.failedAt = &late }},
		{"old ids", "transaction ids", "warning", func(f *facts) { f.xidAge = 1_100_000_000 }},
		{"ids run out", "transaction ids", "failure", func(f *facts) { f.xidAge = 1_700_000_000 }},
		{"damaged page", "checksums", "failure", func(f *facts) { f.badChecksums = 1 }},
		{"slot is up to date", "", "", func(f *facts) { f.slots = []slot{{"s", true, "reserved", 1000}} }},
		{"slot lags", "replication", "warning", func(f *facts) { f.slots = []slot{{"s", false, "extended", 2 << 30}} }},
		{"slot lost", "replication", "failure", func(f *facts) { f.slots = []slot{{"s", false, "lost", 0}} }},
		{"slot about to be lost", "replication", "failure", func(f *facts) { f.slots = []slot{{"s", true, "unreserved", 1}} }},
	} {
		f := quiet
		tt.change(&f)
		all := checkFacts(f)
		bad := append(only("failure", all), only("warning", all)...)
		switch {
		case tt.check == "" && len(bad) > 0:
			t.Errorf("%s: %+v", tt.name, bad)
		case tt.check != "" && (len(bad) != 1 || bad[0].Check != tt.check || bad[0].Status != tt.status || bad[0].Hint == ""):
			t.Errorf("%s: %+v", tt.name, bad)
		}
	}
}

// findings asks doctor.
func (p *projectDir) findings() (list []finding) {
	p.t.Helper()
	r := p.run("doctor", "--json")
	if err := json.Unmarshal([]byte(r.out), &list); err != nil {
		p.t.Fatal(err, r)
	}
	return list
}

// unhealthy wants health, status and doctor to name the same failure. It waits for it.
func (p *projectDir) unhealthy(check, word string) {
	p.t.Helper()
	var health, status result
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if health = p.run("health"); health.code == 2 && strings.Contains(health.out, word) {
			break
		}
	}
	if health.code != 2 || strings.Count(health.out, "\n") != 1 || !strings.Contains(health.out, word) {
		p.t.Errorf("health on %s: %+v", check, health)
	}
	if status = p.run("status"); status.code != 2 || !strings.Contains(status.out, word) {
		p.t.Errorf("status on %s: %+v", check, status)
	}
	for _, f := range p.findings() {
		if f.Check == check && f.Status == "failure" && strings.Contains(f.Detail, word) && f.Hint != "" {
			return
		}
	}
	p.t.Errorf("doctor on %s: %+v", check, p.findings())
}

// healthy waits until all is well again.
func (p *projectDir) healthy(after string) {
	p.t.Helper()
	if r := p.run("health", "--wait", "60s"); r.code != 0 {
		p.t.Errorf("after %s: %+v", after, r)
	}
}

// TestHealthArchive has an archive that cannot be written to, one that was removed, and one that was moved; and what doctor
// advises helps.
func TestHealthArchive(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	archive := filepath.Join(p.dir, "archive")
	p.env = append(p.env, "NSELF_WAL_ARCHIVE="+archive)
	p.start()
	p.query("CREATE TABLE t AS SELECT 1 AS i; SELECT pg_switch_wal()")
	p.healthy("a start")
	// A directory stands where the next segment is to go: it cannot be written.
	next := p.query("SELECT pg_walfile_name(pg_current_wal_lsn())")
	blocked := filepath.Join(archive, next)
	if err := os.Mkdir(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	p.query("CREATE TABLE t2 AS SELECT 1 AS i; SELECT pg_switch_wal()")
	p.unhealthy("archive", next)
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	p.healthy("the obstacle is gone: the server goes on by itself, as doctor says")

	for name, do := range map[string]func() error{
		"removed": func() error { return os.RemoveAll(archive) },
		"moved":   func() error { return os.Rename(archive, archive+".moved") },
		"replaced": func() error {
			if err := os.RemoveAll(archive); err != nil {
				return err
			}
			return os.Mkdir(archive, 0o700)
		},
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		p.unhealthy("archive", "moved or removed")
		p.ok("restart", "postgres")
		p.query("INSERT INTO t VALUES (2); SELECT pg_switch_wal()")
		p.healthy("restart with an archive that was " + name)
	}
}

// TestHealthSlot loses a replication slot, and drops it as doctor advises.
func TestHealthSlot(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	p.query("ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'")
	p.query("ALTER SYSTEM SET min_wal_size = '32MB'")
	p.query("ALTER SYSTEM SET max_wal_size = '32MB'")
	p.query("SELECT pg_reload_conf()")
	p.query("SELECT pg_create_physical_replication_slot('standby', true)")
	p.healthy("a new slot")
	for range 6 {
		p.query("CREATE TABLE IF NOT EXISTS t (i int); INSERT INTO t VALUES (1); SELECT pg_switch_wal(); CHECKPOINT")
	}
	p.unhealthy("replication", "standby")
	p.query("SELECT pg_drop_replication_slot('standby')")
	p.healthy("the slot is dropped")
}

// TestHealthConnections takes all connections: every command says so in plain words, and nself itself has a way in that it
// tells of.
func TestHealthConnections(t *testing.T) {
	t.Parallel()
	p := newProject(t, "POSTGRES_MAX_CONNECTIONS=20")
	p.start()
	url := strings.TrimSpace(p.ok("run", "--", "sh", "-c", `echo "$DATABASE_URL"`))
	var open []*pgx.Conn
	for range 20 {
		c, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatalf("connection %d: %v", len(open), err)
		}
		defer c.Close(context.Background())
		open = append(open, c)
	}
	p.unhealthy("connections", "20 of 20")
	for _, args := range []string{"status --metrics", "db list", "db migrate", "db dump x.dump", "backup create", "psql -c SELECT"} {
		r := p.run(strings.Fields(args)...)
		if r.code == 0 || !strings.Contains(r.out+r.err, "all connections are taken") || strings.Contains(r.err, "SQLSTATE") || strings.Contains(r.err, "failed to connect to") || !strings.Contains(r.out+r.err, "replication=database") {
			t.Errorf("nself %s: %+v", args, r)
		}
	}
	// The way in that the hint names.
	out := p.ok("psql", "replication=database", "-XAtc", "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 20")
	if strings.TrimSpace(out) != "20" {
		t.Error(out)
	}
	p.healthy("the connections are ended")
}

// TestHealthDisk fills the disk of a running database.
func TestHealthDisk(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	disk := filepath.Join(p.dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("needs the right to mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		p.run("stop")
		if out, err := exec.Command("umount", disk).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	p.env = append(p.env, "NSELF_RUNTIME_DIR="+filepath.Join(disk, "db"))
	p.start()
	p.healthy("a start")
	if r := p.run("status"); r.code != 0 || !strings.Contains(r.out, "warning  disk") {
		t.Errorf("status where less than 1 GB is free: %+v", r)
	}
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 100<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	p.unhealthy("disk", "free")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	p.healthy("there is room again")
}

// TestLastBackup has status and doctor tell of the newest backup that is good.
func TestLastBackup(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.env = append(p.env, "BACKUP_DIR="+filepath.Join(p.dir, "backups"))
	p.start()
	find := func() finding {
		for _, f := range p.findings() {
			if f.Check == "last backup" {
				return f
			}
		}
		t.Fatal("doctor says nothing of backups")
		return finding{}
	}
	if f := find(); f.Status != "ok" || !strings.Contains(f.Detail, "nself backup create") {
		t.Errorf("%+v", f)
	}
	p.ok("backup", "create", "--tag", "one")
	if f := find(); f.Status != "ok" || !strings.Contains(f.Detail, "_one") {
		t.Errorf("%+v", f)
	}
	files, err := filepath.Glob(filepath.Join(p.dir, "backups", "*_one.dump"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 10); err != nil {
		t.Fatal(err)
	}
	if f := find(); f.Status != "warning" || !strings.Contains(f.Hint, "nself backup list") {
		t.Errorf("%+v", f)
	}
	// The directory goes: that is the state before the first backup, and the next one makes it again.
	if err := os.RemoveAll(filepath.Join(p.dir, "backups")); err != nil {
		t.Fatal(err)
	}
	if f := find(); f.Status != "ok" {
		t.Errorf("%+v", f)
	}
	p.ok("backup", "create")
}
