package cluster

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/vfs"
)

func TestParseLine(t *testing.T) {
	for line, want := range map[string]setting{
		"work_mem = 4GB":             {"work_mem", "4GB"},
		"  Work_Mem 4GB # why":       {"work_mem", "4GB"},
		"work_mem='4 GB'# why":       {"work_mem", "4 GB"},
		`a.b = 'it''s a \'\\\n x'`:   {"a.b", "it's a '\\\n x"},
		"include_dir 'conf.d'":       {"include_dir", "conf.d"},
		"port=5433":                  {"port", "5433"},
		"# work_mem = 4GB":           {},
		"":                           {},
		"work_mem":                   {},
		"work_mem = 'never finished": {},
	} {
		if got, ok := parseLine(line); got != want || ok != (want != setting{}) {
			t.Errorf("%q: %q %v", line, got, ok)
		}
	}
	for _, value := range []string{"", "a", `it's \ "odd"`, "two\nlines"} {
		if got, _ := parseLine(setting{"a", value}.String()); got.value != value {
			t.Errorf("%q is read back as %q", value, got.value)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	for _, s := range []string{"a = 'b'", `a = '\'`, "a='''", "a = '\\n' # c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		s, ok := parseLine(line)
		if !ok || strings.ContainsAny(s.value, "\b\f\t") {
			return
		}
		if again, ok := parseLine(s.String()); !ok || again != s {
			t.Errorf("%q gives %q, which gives %q", line, s, again)
		}
	})
}

func TestFit(t *testing.T) {
	for text, want := range map[string]string{
		"work_mem = 2097151":         "",
		"work_mem = 2097152":         "2097151kB",
		"work_mem = 2GB":             "2097151kB",
		"work_mem = 1.5GB":           "",
		"work_mem = nonsense":        "",
		"shared_buffers = 131072":    "",
		"shared_buffers = 1TB":       "1GB",
		"max_wal_size = 4194304":     "2097151MB",
		"autovacuum_work_mem = -1":   "",
		"max_stack_depth = '4 MB'":   "3584kB",
		"io_method = 'IO_URING'":     "worker",
		"io_method = sync":           "",
		"lc_time = 'de_DE.UTF-8'":    "C",
		"lc_time = 'C.UTF-8'":        "",
		"effective_cache_size = 9TB": "",
	} {
		s, ok := parseLine(text)
		if !ok {
			t.Fatal(text)
		}
		if got, _, _ := s.fit(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestConfView wants lines to keep their numbers, and files that others include to be found.
func TestConfView(t *testing.T) {
	fs := vfs.NewMem(vfs.MemOptions{})
	fs.Mkdir("/d", 0o700)
	fs.Mkdir("/d/conf.d", 0o700)
	for name, text := range map[string]string{
		"/d/postgresql.conf": "# one\nwork_mem = 4GB\ninclude_dir = 'conf.d'\ninclude '/d/x'\nport=1",
		"/d/x":               "work_mem = 5GB\n",
		"/d/conf.d/a.conf":   "work_mem = 6GB\n",
		"/d/other":           "work_mem = 7GB\n",
	} {
		if err := fs.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log strings.Builder
	v := newConfView(fs, "/d", []setting{{"port", "2"}}, slog.New(slog.NewTextHandler(&log, nil)))
	const ceiling = "work_mem = '2097151kB'\n"
	for _, step := range []struct{ name, want string }{
		{"/d/x", "-"}, // nothing has named it yet
		{"/d/postgresql.conf", "# one\n" + ceiling + "include_dir = 'conf.d'\ninclude '/d/x'\nport=1"},
		{"/d/x", ceiling},
		{"/d/conf.d/a.conf", ceiling},
		{"/d/other", "-"},
		{"/d/postgresql.auto.conf", "\nport = '2'\n"},
		{"/d/postgresql.conf", "# one\n" + ceiling + "include_dir = 'conf.d'\ninclude '/d/x'\nport=1"},
	} {
		f, err := v.open(step.name, vfs.O_RDONLY)
		if err != nil {
			t.Fatal(err)
		}
		got := "-"
		if f != nil {
			b, _ := io.ReadAll(fileReader{f})
			got = string(b)
			f.Close()
		}
		if got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 3 {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
	if f, err := v.open("/d/postgresql.conf", vfs.O_RDWR); f != nil || err != nil {
		t.Error("a view that can be written", err)
	}
}

func TestGuestPath(t *testing.T) {
	for _, dir := range []string{"/srv/db", "/tmp/x/pgdata", "/run/user/1000/db", "/dev/shm/x", "/etc/x", "/pgsqlx", "/pgdata"} {
		if got := guestPath(dir, guestData); got != dir {
			t.Errorf("%s is %s for the guest", dir, got)
		}
	}
	for _, dir := range []string{"/pgsql", "/pgsql/x", "/extensions/0", "/run", "/tmp", "/dev/shm", "/a\nb", "/\xff", "/" + strings.Repeat("x", 900)} {
		if got := guestPath(dir, guestData); got != guestData {
			t.Errorf("%.20q is %.20q for the guest", dir, got)
		}
	}
	for host, want := range map[string]string{"": "/run", "/tmp": "/tmp", "/run": "/run", "/srv/s": "/srv/s", "/srv/db": "/run", "/srv/db/s": "/run", "/dev": "/run", "/mnt": "/run"} {
		all := map[string]vfs.FS{"/srv/db": nil, "/mnt": vfs.NewMem(vfs.MemOptions{}), "/srv/db/pgsql_tmp": nil}
		if got := socketPath(host, "/srv/db", all); got != want {
			t.Errorf("the socket directory %s is %s for the guest", host, got)
		}
	}
}
