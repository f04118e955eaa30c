//go:build unix

package hostdir_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/hostdir"
)

// TestMain is also the program that makes a directory and waits to be killed.
func TestMain(m *testing.M) {
	if parent := os.Getenv("TEMPDIR_TEST_PARENT"); parent != "" {
		d, err := hostdir.MakeTemp(parent, "x-")
		if err != nil {
			panic(err)
		}
		os.WriteFile(filepath.Join(d.Path(), "file"), nil, 0o600)
		if os.Getenv("TEMPDIR_TEST_GUARD") != "" {
			d.RemoveAtExit()
		}
		stays := d.Path()
		if os.Getenv("TEMPDIR_TEST_KEEP") != "" {
			if stays, err = d.Keep(os.Getenv("TEMPDIR_TEST_BESIDE"), "kept-"); err != nil {
				panic(err)
			}
		}
		os.Stdout.WriteString(stays + "\n")
		select {}
	}
	os.Exit(m.Run())
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// startOwner starts the program and returns its directory.
func startOwner(t *testing.T, parent string, env ...string) (*exec.Cmd, string) {
	owner := exec.Command(os.Args[0])
	owner.Env = append(append(os.Environ(), "TEMPDIR_TEST_PARENT="+parent), env...)
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	line, _, err := bufio.NewReader(out).ReadLine()
	if err != nil {
		t.Fatal(err)
	}
	return owner, string(line)
}

func TestRemoveAtExit(t *testing.T) {
	parent := t.TempDir()
	owner, dir := startOwner(t, parent, "TEMPDIR_TEST_GUARD=1")
	keeper, stays := startOwner(t, parent, "TEMPDIR_TEST_GUARD=1", "TEMPDIR_TEST_KEEP=1")
	for _, c := range []*exec.Cmd{owner, keeper} {
		c.Process.Kill()
		c.Wait()
	}
	for range 500 {
		if !exists(dir) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if exists(dir) {
		t.Error("the directory is still there")
	}
	if !exists(filepath.Join(stays, "file")) {
		t.Error("a kept directory is gone")
	}
}

// TestKeepMoves: what is kept moves to another directory when the program ends, however that ends.
func TestKeepMoves(t *testing.T) {
	parent, beside := t.TempDir(), t.TempDir()
	owner, stays := startOwner(t, parent, "TEMPDIR_TEST_GUARD=1", "TEMPDIR_TEST_KEEP=1", "TEMPDIR_TEST_BESIDE="+beside)
	if filepath.Dir(stays) != beside || hostdir.Kept(stays) {
		t.Error("before the end:", stays)
	}
	owner.Process.Kill()
	owner.Wait()
	for end := time.Now().Add(10 * time.Second); !hostdir.Kept(stays) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	if !exists(filepath.Join(stays, "file")) || !hostdir.Kept(stays) {
		t.Error("the files did not come to", stays)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left, _ := os.ReadDir(parent)
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("left behind:", left)
		}
	}
	hostdir.RemoveKept(stays)
	if exists(stays) {
		t.Error("not removed")
	}
}

func TestKilledOwner(t *testing.T) {
	parent := t.TempDir()
	owner, theirs := startOwner(t, parent)

	mine, err := hostdir.MakeTemp(parent, "x-")
	if err != nil {
		t.Fatal(err)
	}
	if !exists(theirs) {
		t.Error("the directory of a living program is gone")
	}
	owner.Process.Kill()
	owner.Wait()
	hostdir.Sweep(parent, "y-")
	if !exists(theirs) {
		t.Error("a directory of another prefix is gone")
	}
	hostdir.Sweep(parent, "x-")
	if exists(theirs) {
		t.Error("the directory of a killed program is still there")
	}
	if !exists(mine.Path()) {
		t.Error("our own directory is gone")
	}
	if err := mine.Remove(); err != nil || exists(mine.Path()) {
		t.Error("not removed:", err)
	}
}

func TestNotOurs(t *testing.T) {
	parent := t.TempDir()
	kept, err := hostdir.MakeTemp(parent, "x-")
	if err != nil {
		t.Fatal(err)
	}
	hostdir.RemoveKept(kept.Path())
	if _, err := kept.Keep("", ""); err != nil {
		t.Fatal(err)
	}
	hostdir.RemoveKept(kept.Path())
	if !exists(kept.Path()) {
		t.Error("removed while its program lives")
	}
	if err := kept.Release(); err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	plain, link, inside := filepath.Join(parent, "x-plain"), filepath.Join(parent, "x-link"), filepath.Join(parent, "x-inside")
	for _, dir := range []string{plain, inside} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// A marker that is a link, and a link to a directory with a marker.
	stale := filepath.Join(elsewhere, "embeddedpg-temporary")
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(stale, filepath.Join(inside, "embeddedpg-temporary")); err != nil {
		t.Fatal(err)
	}
	hostdir.Sweep(parent, "x-")
	for _, path := range []string{kept.Path(), plain, link, inside, stale} {
		if !exists(path) {
			t.Error(path, "is gone")
		}
	}
	if hostdir.RemoveKept(kept.Path()); exists(kept.Path()) {
		t.Error("a kept directory is not removed")
	}
}
