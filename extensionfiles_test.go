package embeddedpg_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"nself.org/embeddedpg"
)

// watchedFiles counts the files that are opened, and says of native code what it is told.
type watchedFiles struct {
	fs.FS
	native bool
	opened *atomic.Int64
}

func (w watchedFiles) Open(name string) (fs.File, error) {
	w.opened.Add(1)
	return w.FS.Open(name)
}

func (w watchedFiles) HasNativeCode() bool { return w.native }

func watched(files fs.FS, native bool) watchedFiles {
	return watchedFiles{files, native, new(atomic.Int64)}
}

// TestExtensionFiles loads an extension from a file system of the program; of one that nobody looks into nothing is read.
func TestExtensionFiles(t *testing.T) { eitherEngine(t, testExtensionFiles) }

func testExtensionFiles(t *testing.T, dir string) {
	idle := watched(fstest.MapFS{"idle.so": &fstest.MapFile{Data: []byte("no module")}}, true)
	s := start(t, embeddedpg.Config{
		DataDir: newCluster(t), Password: templatePassword,
		ExtensionDirs: []string{t.TempDir()},
		Extensions:    []fs.FS{watched(os.DirFS(dir), false), idle},
	})
	if engine := s.Engine(); !strings.HasSuffix(t.Name(), "/"+engine) {
		t.Errorf("%s runs the server", engine)
	}
	c := connect(t, s)
	if n := idle.opened.Load(); n != 0 {
		t.Errorf("%d files were opened that nobody asked for", n)
	}
	exec(t, c, "CREATE EXTENSION sample")
	if got := one[string](t, c, "SELECT sample_label(2)"); got != "two" {
		t.Error(got)
	}
	exec(t, c, "CREATE EXTENSION hstore") // built in, which comes last
	if _, err := c.Exec(testContext(t), "LOAD 'idle'"); err == nil || !strings.Contains(err.Error(), "not a WebAssembly module") {
		t.Error(err)
	}
	fails(t, c, "COPY (SELECT 1) TO '/extensions/1/extension/mine'")
	exec(t, c, "SELECT 1")
}

// TestExtensionFilesWithoutCode: a module that says it has native code, and has none, is refused when it is loaded, and
// harms nothing.
func TestExtensionFilesWithoutCode(t *testing.T) {
	s := start(t, embeddedpg.Config{
		DataDir: newCluster(t), Password: templatePassword,
		Extensions: []fs.FS{watched(os.DirFS("testdata/extension"), true)},
	})
	if s.Engine() != "native" {
		t.Skip("needs native code, and runs by", s.Engine())
	}
	c := connect(t, s)
	if _, err := c.Exec(testContext(t), "LOAD 'sample'"); err == nil || !strings.Contains(err.Error(), "no native code") {
		t.Error(err)
	}
	exec(t, c, "SELECT 1")
}

// TestExtensionFilesInChild: a child process cannot be sent file systems, and gets them from ChildMain.
func TestExtensionFilesInChild(t *testing.T) {
	files := []fs.FS{os.DirFS("testdata/extension")}
	_, err := embeddedpg.Start(testContext(t), embeddedpg.Config{ChildProcess: true, Extensions: files})
	var e *embeddedpg.Error
	if !errors.As(err, &e) || e.Op != "use Config.Extensions" || !strings.Contains(e.Hint, "ChildMain") {
		t.Errorf("%v", err)
	}
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword, ChildProcess: true})
	if n := one[int](t, connect(t, s), "SELECT count(*) FROM pg_available_extensions WHERE name = 'sample'"); n != 1 {
		t.Error("the child has no extension of ChildMain's")
	}
}
