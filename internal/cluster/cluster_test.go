package cluster_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/testenv"
)

// nativeControl is the global/pg_control of a cluster that Debian's PostgreSQL 18.6 made on x86-64.
func nativeControl(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/native18.pg_control")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const offCRC = 292 // offsetof(ControlFileData, crc)

// edited returns a control file in which bytes were changed and the checksum corrected.
func edited(t testing.TB, edit func(b []byte)) []byte {
	b := nativeControl(t)
	edit(b)
	binary.LittleEndian.PutUint32(b[offCRC:], crc32.Checksum(b[:offCRC], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func putUint32(off int, v uint32) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[off:], v) }
}

func TestParseControl(t *testing.T) {
	c, err := cluster.ParseControl(nativeControl(t))
	if err != nil {
		t.Fatal(err)
	}
	if c.SystemIdentifier == 0 || c.WALSegmentSize != 16<<20 || c.Checksums != 1 || !c.CharSigned || c.State != 1 {
		t.Fatalf("unexpected contents: %+v", c)
	}
}

// foreignControls are control files of clusters that this server cannot run on, and what the error says.
var foreignControls = []struct {
	name   string
	edit   func(b []byte)
	narrow bool
	want   string
}{
	{"control version", putUint32(8, 1700), false, "1700"},
	{"big-endian", func(b []byte) { binary.BigEndian.PutUint32(b[8:], 1800) }, false, "big-endian"},
	{"catalog", putUint32(12, 202307071), false, "202307071"},
	{"alignment 4", putUint32(204, 4), true, "alignment is 4"},
	{"32-bit x86", func(b []byte) {
		binary.LittleEndian.PutUint64(b[192:], math.Float64bits(1234567))
		binary.LittleEndian.PutUint64(b[208:], 0)
	}, true, "32-bit"},
	{"PGlite", func(b []byte) { b[248] = 0; putUint32(240, 2000)(b) }, true, "PGlite"},
	{"block size", putUint32(216, 4096), false, "4096"},
	{"segment size", putUint32(220, 1024), false, "1024"},
}

func TestParseControlForeign(t *testing.T) {
	for _, tt := range foreignControls {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cluster.ParseControl(edited(t, tt.edit))
			var m *cluster.MismatchError
			if !errors.As(err, &m) || m.Narrow != tt.narrow || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v (%+v), want %q, narrow %v", err, m, tt.want, tt.narrow)
			}
		})
	}
	for name, b := range map[string][]byte{
		"empty": {}, "short": nativeControl(t)[:200], "zeros": make([]byte, 8192),
		"bit flipped": func() []byte { b := nativeControl(t); b[40] ^= 1; return b }(),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := cluster.ParseControl(b); err == nil {
				t.Fatal("accepted")
			}
		})
	}
}

func FuzzParseControl(f *testing.F) {
	f.Add(nativeControl(f))
	f.Add([]byte{})
	for _, tt := range foreignControls {
		f.Add(edited(f, tt.edit))
	}
	f.Fuzz(func(t *testing.T, b []byte) { cluster.ParseControl(b) })
}

// skeleton makes what the checks look at of a cluster.
func skeleton(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pgdata")
	for _, d := range []string{"", "global", "pg_wal", "base", "pg_xact", "pg_tblspc"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "PG_VERSION", []byte("18\n"))
	write(t, dir, "global/pg_control", nativeControl(t))
	return dir
}

func write(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// refused opens dir and wants an error for people that says the words.
func refused(t *testing.T, dir string, words ...string) {
	t.Helper()
	c, err := cluster.Open(dir)
	if err == nil {
		c.Close()
		t.Fatal("opened")
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("%T: %v", err, err)
	}
	if f.Hint == "" {
		t.Errorf("no hint: %v", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		words []string
	}{
		{"another major version", func(t *testing.T, d string) { write(t, d, "PG_VERSION", []byte("15\n")) }, []string{"PostgreSQL 15", "dump"}},
		{"foreign files", func(t *testing.T, d string) { os.Remove(filepath.Join(d, "PG_VERSION")) }, []string{"not empty", "another directory"}},
		{"control file missing", func(t *testing.T, d string) { os.Remove(filepath.Join(d, "global/pg_control")) }, []string{"pg_control is missing"}},
		{"control file damaged", func(t *testing.T, d string) { write(t, d, "global/pg_control", make([]byte, 8192)) }, []string{"version"}},
		{"PGlite", func(t *testing.T, d string) {
			write(t, d, "global/pg_control", edited(t, func(b []byte) { b[248] = 0 }))
		}, []string{"PGlite", "pgDump"}},
		{"WAL elsewhere", func(t *testing.T, d string) {
			os.Remove(filepath.Join(d, "pg_wal"))
			os.Symlink("/tmp", filepath.Join(d, "pg_wal"))
		}, []string{"pg_wal is a symbolic link"}},
		{"tablespace elsewhere", func(t *testing.T, d string) { os.Symlink("/srv/space", filepath.Join(d, "pg_tblspc/16384")) }, []string{"16384", "/srv/space"}},
		{"others may write", func(t *testing.T, d string) { os.Chmod(d, 0o777) }, []string{"chmod"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := skeleton(t)
			tt.spoil(t, dir)
			before := listing(t, dir)
			refused(t, dir, tt.words...)
			if after := listing(t, dir); after != before {
				t.Fatalf("changed:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

// listing is every name, size and mode below dir.
func listing(t *testing.T, dir string) string {
	var b strings.Builder
	err := filepath.Walk(dir, func(p string, st os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		b.WriteString(p + " " + st.Mode().String() + " " + st.ModTime().String() + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOpenFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "file", nil)
	refused(t, filepath.Join(dir, "file"), "not a directory")
}

func TestOpenUnreadable(t *testing.T) {
	dir := skeleton(t)
	os.Chmod(dir, 0)
	defer os.Chmod(dir, 0o700)
	testenv.AsNobody(t, func() { refused(t, dir, "permission denied", "0700") })
}

func TestOpenReadOnly(t *testing.T) {
	dir := readOnlyCopy(t, skeleton(t))
	refused(t, dir, "read-only")
}

func TestOpenMakesAndRemoves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	c, err := cluster.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 || !c.Empty() {
		t.Fatal(st, err, c.Empty())
	}
	c.Close()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Fatalf("the directory that Open made is still there: %v", err)
	}
}

func TestOpenTwice(t *testing.T) {
	dir := skeleton(t)
	c, err := cluster.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "in use")
	refused(t, dir+"/../pgdata", "in use")
	link := filepath.Join(t.TempDir(), "link")
	os.Symlink(dir, link)
	refused(t, link, "in use")
	write(t, dir, "postmaster.pid", []byte("4711\n/pgdata\n"))
	refused(t, dir, "process 4711")
	c.Close()
	os.Remove(filepath.Join(dir, "postmaster.pid"))
	c, err = cluster.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestStalePidFile(t *testing.T) {
	for name, text := range map[string]string{
		"our own number":    pidText(os.Getpid()),
		"a dead process":    pidText(1 << 22),
		"not a server":      pidText(os.Getppid()),
		"empty":             "",
		"nonsense":          "what\n",
		"a stand-alone one": "-" + pidText(1<<22),
	} {
		t.Run(name, func(t *testing.T) {
			dir := skeleton(t)
			write(t, dir, "postmaster.pid", []byte(text))
			c, err := cluster.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := os.Stat(filepath.Join(dir, "postmaster.pid")); !os.IsNotExist(err) {
				t.Fatal("still there", err)
			}
		})
	}
}

func pidText(pid int) string {
	return fmt.Sprintf("%d\n/pgdata\n1700000000\n5432\n/run\n\n     0 0\nready   \n", pid)
}

// TestNativeServerRuns has a process that looks like a native server on the directory.
func TestNativeServerRuns(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a process is recognised by its working directory on Linux alone")
	}
	dir := skeleton(t)
	cmd := exec.Command("sleep", "60")
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Skip("no sleep command:", err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	write(t, dir, "postmaster.pid", []byte(pidText(cmd.Process.Pid)))
	refused(t, dir, fmt.Sprintf("process %d", cmd.Process.Pid), "pg_ctl stop")
	if _, err := os.Stat(filepath.Join(dir, "postmaster.pid")); err != nil {
		t.Fatal("its postmaster.pid was removed")
	}
}

// readOnlyCopy shows dir on a file system that is mounted read-only.
func readOnlyCopy(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "ro")
	os.Mkdir(to, 0o700)
	if out, err := exec.Command("mount", "--bind", dir, to).CombinedOutput(); err != nil {
		t.Skipf("a bind mount needs privileges: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", to).Run() })
	if out, err := exec.Command("mount", "-o", "remount,bind,ro", to).CombinedOutput(); err != nil {
		t.Skipf("a read-only mount needs privileges: %v: %s", err, out)
	}
	return to
}

func TestCheckSettings(t *testing.T) {
	for _, ok := range []map[string]string{nil, {"work_mem": "8MB"}, {"Work-Mem": "8MB"}, {"auto_explain.log_min_duration": "1s"}} {
		if err := cluster.CheckSettings(ok); err != nil {
			t.Error(err)
		}
	}
	for name, word := range map[string]string{
		"port": "Config.Port", "PORT": "Config.Port", "listen-addresses": "Config.Listen", "work mem": "not the name", "": "not the name",
		"hba_file": "pg_hba.conf", "a=b": "not the name",
	} {
		err := cluster.CheckSettings(map[string]string{name: "1"})
		var f *fault.Error
		if !errors.As(err, &f) || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestCheckMount(t *testing.T) {
	for guest, ok := range map[string]bool{
		"/mnt": true, "/mnt/a": true, "/pgdatabase": true, "/tmp/x": true,
		"": false, "/": false, "mnt": false, "/pgdata": false, "/pgdata/x": false, "/mnt/../pgsql/lib": false, "/dev/x": false,
	} {
		if err := cluster.CheckMount(cluster.Mount{Guest: guest}); (err == nil) != ok {
			t.Errorf("%q: %v", guest, err)
		}
	}
}
