package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// running returns what list says of a runtime directory.
func (p *projectDir) running(runtime string) (runningProject, bool) {
	p.t.Helper()
	var list []runningProject
	if err := json.Unmarshal([]byte(p.ok("list", "--json")), &list); err != nil {
		p.t.Fatal(err)
	}
	for _, r := range list {
		if r.Runtime == runtime {
			return r, true
		}
	}
	return runningProject{}, false
}

// TestList lists running databases from elsewhere, and stops them by name and by directory.
func TestList(t *testing.T) {
	t.Parallel()
	elsewhere := newProject(t)
	var projects []*projectDir
	name := "list-" + strings.ToLower(filepath.Base(elsewhere.t.TempDir())) + strings.ToLower(filepath.Base(filepath.Dir(elsewhere.dir)))
	for _, n := range []string{name + "-a", name + "-b", name + "-b"} {
		p := newProject(t, "PROJECT_NAME="+n)
		p.dir = must(filepath.EvalSymlinks(p.dir))
		p.start()
		projects = append(projects, p)
	}
	runtime := func(i int) string { return filepath.Join(projects[i].dir, defaultRuntime) }
	for i, p := range projects {
		if r, ok := elsewhere.running(runtime(i)); !ok || r.Project != p.dir || r.Status != "ready" || r.Gone || r.PID != p.state().PID {
			t.Errorf("%d: %v %+v", i, ok, r)
		}
	}
	if out := elsewhere.ok("list"); !strings.Contains(out, name+"-a") || !strings.Contains(out, projects[0].dir) {
		t.Error(out)
	}
	if r := elsewhere.run("stop", name+"-none"); r.code == 0 || !strings.Contains(r.err, "nself list") {
		t.Errorf("%+v", r)
	}
	elsewhere.ok("stop", name+"-a")
	if _, ok := elsewhere.running(runtime(0)); ok {
		t.Error("it was not stopped by its name")
	}
	if r := elsewhere.run("stop", name+"-b"); r.code == 0 || !strings.Contains(r.err, projects[1].dir) || !strings.Contains(r.err, projects[2].dir) {
		t.Errorf("two of a name: %+v", r)
	}
	elsewhere.ok("stop", projects[1].dir)
	if _, ok := elsewhere.running(runtime(1)); ok {
		t.Error("it was not stopped by its directory")
	}
	if _, ok := elsewhere.running(runtime(2)); !ok {
		t.Error("the other one of that name was stopped too")
	}
	elsewhere.ok("stop", runtime(2))
}

// TestListGone lists a database whose project was removed while its runtime directory is elsewhere, and one whose runtime
// directory was just removed, and stops the first.
func TestListGone(t *testing.T) {
	t.Parallel()
	elsewhere := newProject(t)
	runtime := filepath.Join(must(filepath.EvalSymlinks(elsewhere.dir)), "runtime")
	p := newProject(t, "NSELF_RUNTIME_DIR="+runtime, "PROJECT_NAME=gone")
	dir := filepath.Join(p.dir, "project")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p.dir = dir
	p.start()
	pid := p.state().PID
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if r, ok := elsewhere.running(runtime); !ok || r.Gone || r.Status != "ready" {
		t.Errorf("%v %+v", ok, r)
	}
	elsewhere.ok("stop", runtime)
	dead(t, pid)
	p.dir = elsewhere.dir
	p.start()
	pid = p.state().PID
	remove(t, runtime)
	if r, ok := elsewhere.running(runtime); ok && !r.Gone {
		t.Errorf("%+v", r)
	}
	dead(t, pid)
	if _, ok := elsewhere.running(runtime); ok {
		t.Error("it is listed when it has ended")
	}
}
