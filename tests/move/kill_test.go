package move_test

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/move"
)

var (
	kills = flag.Int("kills", 4, "how many kills TestMoveUnderKills makes")
	seed  = flag.Uint64("seed", 0, "of TestMoveUnderKills; 0: another one each time")
)

// killing is a move whose parts are killed.
type killing struct {
	t      *testing.T
	cfg    embeddedpg.Config
	source *embeddedpg.Server
	target *native
	mover  *moving
	do     instructions
	random *rand.Rand

	victims []int // that are still to be killed, before all are once more
}

// TestMoveUnderKills kills the source, the target and the mover while they move a database to which clients write, first before the
// clients are sent and then while they are. No transaction is lost or doubled, and in the end both databases are the same.
func TestMoveUnderKills(t *testing.T) {
	target := newNative(t)
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	dir := t.TempDir()
	k := &killing{t: t, target: target, random: rand.New(rand.NewPCG(*seed, 0)), cfg: embeddedpg.Config{
		DataDir: filepath.Join(dir, "data"), Password: "kill-test-only", ChildProcess: true, Settings: map[string]string{"wal_level": "logical"},
	}}
	sockets, err := os.MkdirTemp("", "mv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	k.cfg.SocketDir = sockets
	k.start()
	t.Cleanup(func() { k.source.Close() })
	fill(t, connect(t, k.source.ConnString("")))
	if _, err := connect(t, target.url("postgres")).Exec(t.Context(), "CREATE DATABASE app"); err != nil {
		t.Fatal(err)
	}
	k.do = instructions{
		Source: move.End{Target: backup.Target{Host: sockets, Port: 5432, User: "postgres", Password: k.cfg.Password}, Database: "postgres"},
		Target: target.url("app"), Ready: filepath.Join(dir, "ready"), Switch: filepath.Join(dir, "switch"),
	}
	load := startLoad(t, k.source.ConnString(""))
	k.run(load)
	load.end()
	old, moved := connect(t, k.source.ConnString("")), connect(t, k.do.Target)
	checkTarget(t, old, moved)
	load.check(t, moved)
	var old777, moved777 []byte // nobody has written to the target
	const content = "SELECT lo_get(777)"
	if err := errors.Join(old.QueryRow(t.Context(), content).Scan(&old777), moved.QueryRow(t.Context(), content).Scan(&moved777)); err != nil || !bytes.Equal(old777, moved777) {
		t.Errorf("a large object is %q and not %q: %v", moved777, old777, err)
	}
	equal(t, at(k.source.ConnString("")), at(k.do.Target))
}

// run kills until there have been enough, and lets the move end.
func (k *killing) run(load *load) {
	k.t.Helper()
	k.mover = startMover(k.t, k.do)
	for i := range *kills {
		if i == *kills*3/4 { // the rest while the clients are sent
			if err := os.WriteFile(k.do.Ready, nil, 0o600); err != nil {
				k.t.Fatal(err)
			}
		}
		before, after := stages[:4], stages[3:]
		if within := before[k.random.IntN(len(before))]; i < *kills*3/4 {
			k.awaitStage(within)
		} else {
			k.awaitStage(after[k.random.IntN(len(after))])
		}
		time.Sleep(time.Duration(k.random.IntN(1500)) * time.Millisecond)
		k.kill()
		k.revive()
		if _, err := os.Stat(k.do.Switch); err == nil {
			load.stop()
		}
	}
	if err := os.WriteFile(k.do.Ready, nil, 0o600); err != nil {
		k.t.Fatal(err)
	}
	for end := time.Now().Add(3 * time.Minute); ; {
		select {
		case err := <-k.mover.ended:
			k.t.Logf("the mover:\n%s", k.mover.said())
			if err == nil {
				return
			}
			k.mover.ended <- err
			k.revive()
		case <-time.After(10 * time.Millisecond):
		}
		if _, err := os.Stat(k.do.Switch); err == nil {
			load.stop() // both databases are compared as they were then
		}
		if time.Now().After(end) {
			k.t.Fatalf("the move does not end:\n%s", k.mover.said())
		}
	}
}

// stages are those of a move, in their order.
var stages = []move.Stage{move.StageSchema, move.StageCopy, move.StageIndex, move.StageFollow, move.StagePause, move.StageCompare}

// awaitStage waits until the mover has come to a stage, or has ended.
func (k *killing) awaitStage(stage move.Stage) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		said := k.mover.said()
		for _, s := range stages[slices.Index(stages, stage):] {
			if strings.Contains(said, string(s)+" ") {
				return
			}
		}
		select {
		case err := <-k.mover.ended:
			k.mover.ended <- err
			return
		default:
		}
	}
}

func (k *killing) start() {
	k.t.Helper()
	var err error
	if k.source, err = embeddedpg.Start(k.t.Context(), k.cfg); err != nil {
		k.t.Fatal(err)
	}
}

// kill kills one of the three.
func (k *killing) kill() {
	if len(k.victims) == 0 {
		k.victims = k.random.Perm(3)
	}
	victim := k.victims[0]
	k.victims = k.victims[1:]
	switch victim {
	case 0:
		k.t.Log("kill the source")
		killServer(k.t, k.cfg.DataDir)
		_ = k.source.Wait() // it says that it was killed
		_ = k.source.Close()
		k.start()
	case 1:
		k.t.Log("kill the target")
		k.target.crash()
	default:
		k.t.Log("kill the mover")
		k.mover.kill()
	}
}

// revive starts the mover again if it has ended, by us or because something was away.
func (k *killing) revive() {
	k.t.Helper()
	select {
	case err := <-k.mover.ended:
		if err == nil {
			k.mover.ended <- nil
			return
		}
	default:
		return
	}
	said := k.mover.said()
	k.t.Logf("the mover:\n%s", said)
	if strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic:") {
		k.t.Fatal("the mover is broken")
	}
	conn := connect(k.t, k.do.Target)
	if err := conn.QueryRow(k.t.Context(), "SELECT to_regclass('nself_move.state') IS NOT NULL").Scan(&k.do.Resume); err != nil {
		k.t.Fatal(err)
	}
	if _, err := os.Stat(k.do.Switch); err == nil && !k.do.Resume {
		k.mover.ended <- nil // it had done everything
		return
	}
	k.mover = startMover(k.t, k.do)
}
