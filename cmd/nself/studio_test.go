package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var studioAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+/#token=(\S+)`)

// TestStudio: the browser is led to the page by a file that other users cannot read, and neither the arguments of a process nor
// a file that stays has the token.
func TestStudio(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	if r := p.run("studio", "--no-browser"); r.code != 1 || !strings.Contains(r.err, "nself start") {
		t.Error("before start:", r)
	}
	p.start()
	bin, seen := t.TempDir(), filepath.Join(t.TempDir(), "seen")
	for _, name := range []string{"xdg-open", "open"} {
		script := "#!/bin/sh\n{ echo \"$@\"; ls -l \"$1\"; cat \"$1\"; } >" + seen + ".part && mv " + seen + ".part " + seen + "\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.env = append(p.env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "DISPLAY=:99")
	cmd := p.command("studio")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var url []string
	for lines := bufio.NewScanner(out); url == nil && lines.Scan(); {
		url = studioAddress.FindStringSubmatch(lines.Text())
	}
	if url == nil {
		t.Fatal("no address:", stderr.String())
	}
	var told []byte
	for i := 0; told == nil && i < 500; i++ {
		told, _ = os.ReadFile(seen)
		time.Sleep(10 * time.Millisecond)
	}
	arguments, rest, _ := strings.Cut(string(told), "\n")
	if strings.Contains(arguments, url[1]) || !strings.HasPrefix(rest, "-rw-------") || !strings.Contains(rest, url[1]) {
		t.Errorf("the browser gets %s\n%s", arguments, rest)
	}
	if args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid)); err == nil && bytes.Contains(args, []byte(url[1])) {
		t.Error("the token is in the process list")
	}
	home, _, _ := strings.Cut(url[0], "#")
	r, err := http.Get(home)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(r, err)
	}
	r.Body.Close()
	enter, _ := http.NewRequest(http.MethodPost, home+"api/enter", strings.NewReader(`{"token":"`+url[1]+`"}`))
	enter.Header.Set("Origin", strings.TrimSuffix(home, "/"))
	if r, err = http.DefaultClient.Do(enter); err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(r, err)
	}
	r.Body.Close()
	if left, _ := filepath.Glob(filepath.Join(p.dir, defaultRuntime, studioFiles)); len(left) > 0 {
		t.Error("the file with the token is still there:", left)
	}
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if stderr.Len() > 0 && strings.Contains(stderr.String(), "nself:") {
		t.Error(stderr.String())
	}
	log, _ := os.ReadFile(filepath.Join(p.dir, defaultRuntime, "postgres.log"))
	if strings.Contains(string(log)+stderr.String(), url[1]) {
		t.Error("the token is in a log")
	}
	if r, err := http.Get(home); err == nil {
		r.Body.Close()
		t.Error("it still answers")
	}
}
