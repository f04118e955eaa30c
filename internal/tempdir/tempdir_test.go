package tempdir_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"nself.org/embeddedpg/internal/tempdir"
)

// TestMain is also the program that makes a directory and waits to be killed.
func TestMain(m *testing.M) {
	if parent := os.Getenv("TEMPDIR_TEST_PARENT"); parent != "" {
		d, err := tempdir.Make(parent, "x-")
		if err != nil {
			panic(err)
		}
		os.WriteFile(filepath.Join(d.Path(), "file"), nil, 0o600)
		os.Stdout.WriteString(d.Path() + "\n")
		select {}
	}
	os.Exit(m.Run())
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestKilledOwner(t *testing.T) {
	parent := t.TempDir()
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), "TEMPDIR_TEST_PARENT="+parent)
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
	theirs := string(line)

	mine, err := tempdir.Make(parent, "x-")
	if err != nil {
		t.Fatal(err)
	}
	if !exists(theirs) {
		t.Error("the directory of a living program is gone")
	}
	owner.Process.Kill()
	owner.Wait()
	tempdir.Sweep(parent, "y-")
	if !exists(theirs) {
		t.Error("a directory of another prefix is gone")
	}
	tempdir.Sweep(parent, "x-")
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
	kept, err := tempdir.Make(parent, "x-")
	if err != nil {
		t.Fatal(err)
	}
	if tempdir.Kept(kept.Path()) {
		t.Error("kept before Keep")
	}
	if err := kept.Keep(); err != nil {
		t.Fatal(err)
	}
	if !tempdir.Kept(kept.Path()) {
		t.Error("not kept")
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
	tempdir.Sweep(parent, "x-")
	for _, path := range []string{kept.Path(), plain, link, inside, stale} {
		if !exists(path) {
			t.Error(path, "is gone")
		}
	}
}
