package supervisor

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDescribeCrash tells a kill for want of memory from any other.
func TestDescribeCrash(t *testing.T) {
	killed := exec.Command("sh", "-c", "kill -9 $$").Run()
	aborted := exec.Command("sh", "-c", "kill -6 $$").Run()
	exited := exec.Command("sh", "-c", "exit 2").Run()
	for _, tt := range []struct {
		err         error
		before, now oomCount
		want        string
	}{
		{killed, oomCount{kills: 1}, oomCount{kills: 2, limit: 512 << 20}, "want of memory (its control group has a limit of 512 MB)"},
		{killed, oomCount{kills: -1}, oomCount{kills: -1}, "signal 9"},
		{killed, oomCount{kills: 1}, oomCount{kills: 1}, "signal 9"},
		{aborted, oomCount{kills: 1}, oomCount{kills: 2}, "signal 6"},
		{exited, oomCount{}, oomCount{}, "exit code 2"},
		{errors.New("postmaster ended"), oomCount{}, oomCount{}, "postmaster ended"},
	} {
		if got := describeCrash(tt.err, tt.before, tt.now); !strings.Contains(got, tt.want) {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestCountOOM reads what kernels with control groups of both versions, and without, say.
func TestCountOOM(t *testing.T) {
	const vmstat = "nr_free_pages 1\noom_kill 3\n"
	for name, tt := range map[string]struct {
		files map[string]string
		want  oomCount
	}{
		"v2": {map[string]string{
			"proc/self/cgroup": "0::/user.slice/a\n", "sys/fs/cgroup/user.slice/a/memory.events": "low 0\noom 8\noom_kill 7\noom_group_kill 0\n",
			"sys/fs/cgroup/user.slice/a/memory.max": "536870912\n", "proc/vmstat": vmstat,
		}, oomCount{7, 512 << 20}},
		"v2 without a limit": {map[string]string{
			"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.events": "oom_kill 0\n", "sys/fs/cgroup/a/memory.max": "max\n", "proc/vmstat": vmstat,
		}, oomCount{3, 0}},
		"v1": {map[string]string{
			"proc/self/cgroup": "5:cpu:/x\n4:memory:/b\n", "sys/fs/cgroup/memory/b/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n",
			"sys/fs/cgroup/memory/b/memory.limit_in_bytes": "1073741824\n", "proc/vmstat": vmstat,
		}, oomCount{5, 1 << 30}},
		"none":      {map[string]string{"proc/vmstat": vmstat}, oomCount{3, 0}},
		"not Linux": {nil, oomCount{-1, 0}},
	} {
		root := t.TempDir()
		for file, text := range tt.files {
			file = filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := countOOMBelow(root); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
	if now := countOOM(); now.kills < 0 {
		if _, err := os.Stat("/proc/vmstat"); err == nil {
			t.Error("this kernel counts, and nothing was found")
		}
	}
}

func TestLastWords(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	const before = "fatal error: of the run before\ngoroutine 1\n"
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(log, []byte(before+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("time=1 level=INFO msg=hello\ntime=2 level=ERROR msg=bad\n")
	if got := strings.Join(lastWords(log, int64(len(before))), "|"); got != "time=2 level=ERROR msg=bad" {
		t.Error(got)
	}
	write("time=1 level=INFO msg=hello\nfatal error: out of memory\n\ngoroutine 5:\na\nb\nc\nd\n")
	if got := strings.Join(lastWords(log, int64(len(before))), "|"); got != "fatal error: out of memory|goroutine 5:|a|b|c" {
		t.Error(got)
	}
	if got := lastWords(log, 1<<40); len(got) == 0 || got[0] != "fatal error: of the run before" {
		t.Error("after a rotation:", got)
	}
	if got := lastWords(log+".none", 0); got != nil {
		t.Error(got)
	}
}

// TestPatience: five restarts within ten minutes, each after twice the wait, and again when those are past.
func TestPatience(t *testing.T) {
	var p patience
	now := time.Now()
	for i, want := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
		if got, ok := p.next(now); !ok || got != want {
			t.Errorf("%d: %v, %v", i, got, ok)
		}
		now = now.Add(time.Minute)
	}
	if _, ok := p.next(now); ok {
		t.Error("a sixth restart within ten minutes")
	}
	now = now.Add(restartWindow)
	if got, ok := p.next(now); !ok || got != firstWait {
		t.Errorf("after the window: %v, %v", got, ok)
	}
}

// TestShortDir takes the login's directory only where another user has the one in /tmp.
func TestShortDir(t *testing.T) {
	login, err := os.MkdirTemp("/tmp", "nself-login-") // mode 0700, and short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(login)
	t.Setenv("XDG_RUNTIME_DIR", login)
	p := Paths{t.TempDir()}
	dirs := p.shortDirs()
	if len(dirs) != 2 || !strings.HasPrefix(dirs[0], sharedBase()) || !strings.HasPrefix(dirs[1], login) {
		t.Fatal(dirs)
	}
	if err := os.MkdirAll(sharedBase(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dirs[0], 0o755); err != nil { // others have access to it
		t.Fatal(err)
	}
	defer os.Remove(dirs[0])
	if got, err := p.shortDir(); err != nil || got != dirs[1] {
		t.Error(got, err)
	}
	if err := os.Chmod(dirs[0], 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := p.shortDir(); err != nil || got != dirs[0] {
		t.Error(got, err)
	}
}
