package offsite_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"nself.org/embeddedpg/cmd/nself/internal/offsite"
	"nself.org/embeddedpg/internal/backup"
)

// service is a store in memory, with an accident to happen.
type service struct {
	url string

	mu      sync.Mutex
	before  func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	removed atomic.Int32
}

func newService(t *testing.T) *service {
	t.Helper()
	memory := s3mem.New()
	if err := memory.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	next := gofakes3.New(memory).Server()
	s := &service{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		before := s.before
		s.mu.Unlock()
		if r.Method == http.MethodDelete {
			s.removed.Add(1)
		}
		if before == nil || !before(w, r) {
			if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
				r.Body = io.NopCloser(&chunks{r: bufio.NewReader(r.Body)}) // gofakes3 would keep it as it was sent
				r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
				r.Header.Set("Content-Length", r.Header.Get("X-Amz-Decoded-Content-Length"))
				r.ContentLength, _ = strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
			}
			next.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// chunks reads the body of a request whose chunks are signed, and does not look at the signatures: versitygw does, by hand.
type chunks struct {
	r    *bufio.Reader
	left int64
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.left == 0 {
		line, err := c.r.ReadString('\n')
		if err == nil && line == "\r\n" { // the end of the chunk before
			line, err = c.r.ReadString('\n')
		}
		if err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		number, _, _ := strings.Cut(line, ";")
		if c.left, err = strconv.ParseInt(number, 16, 64); err != nil {
			return 0, err
		}
		if c.left == 0 {
			_, err := io.Copy(io.Discard, c.r)
			return 0, cmp.Or(err, io.EOF)
		}
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// accident happens at each request from now on.
func (s *service) accident(before func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

func (s *service) open(t *testing.T) *offsite.Store {
	t.Helper()
	store, err := offsite.Open(offsite.Config{URL: "s3://bucket/some/where", Endpoint: s.url, Region: "us-east-1", AccessKey: "access", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func newKey(t *testing.T) *offsite.Key {
	t.Helper()
	k, err := offsite.MakeKey(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	if k, err = offsite.ReadKey(k.Path); err != nil {
		t.Fatal(err)
	}
	return k
}

// made is a backup of two files in a directory of its own, of which the larger one takes several parts of an upload.
func made(t *testing.T, id string, large int) *backup.Backup {
	t.Helper()
	from := t.TempDir()
	data := map[string][]byte{"a": []byte("short"), "sub/b": make([]byte, large), "sub/empty": nil}
	for i := range data["sub/b"] {
		data["sub/b"][i] = byte(i>>8 ^ i)
	}
	for name, text := range data {
		if err := os.MkdirAll(filepath.Join(from, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := backup.Describe(t.Context(), from, id, backup.Directory, "shop")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func quiet(backup.Stage, int64, int64) {}

const id = "shop_full_20260102_150405"

func ids(t *testing.T, s *offsite.Store) (list []string) {
	t.Helper()
	found, err := s.List(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		list = append(list, f.ID)
	}
	return list
}

// same wants a backup that was pulled to have the files of another.
func same(t *testing.T, want, got *backup.Backup) {
	t.Helper()
	if !slices.Equal(want.Files, got.Files) || want.ID != got.ID || want.Database != got.Database {
		t.Errorf("%+v\n%+v", want, got)
	}
	for _, f := range want.Files {
		a, err := os.ReadFile(filepath.Join(want.Path, f.Name))
		b, err2 := os.ReadFile(filepath.Join(got.Path, f.Name))
		if err != nil || err2 != nil || string(a) != string(b) {
			t.Errorf("%s differs: %v, %v", f.Name, err, err2)
		}
	}
}

func TestPushPull(t *testing.T) {
	s := newService(t).open(t)
	k, b, dir := newKey(t), made(t, id, 17<<20), t.TempDir()
	if err := s.Push(t.Context(), k, b, quiet); err != nil {
		t.Fatal(err)
	}
	got, err := s.Pull(t.Context(), k, "shop", backup.Latest, dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	same(t, b, got)
	if again, err := s.Pull(t.Context(), k, "shop", id, dir, quiet); err != nil || again.Path != got.Path {
		t.Error("again:", again, err)
	}
	if err := s.Push(t.Context(), k, b, quiet); err != nil {
		t.Error("again:", err)
	}
	if verified, err := s.Verify(t.Context(), k, "shop", backup.Latest, quiet); err != nil || verified != id {
		t.Error(verified, err)
	}
	if _, err := s.Pull(t.Context(), k, "shop", "shop_full_20250102_150405", dir, quiet); !errors.Is(err, backup.ErrNoBackup) {
		t.Error(err)
	}
	other := t.TempDir()
	if _, err := s.Pull(t.Context(), newKey(t), "shop", id, other, quiet); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Error("another key:", err)
	}
	if left, _ := os.ReadDir(other); len(left) != 0 {
		t.Error("another key left", left)
	}
}

// whole reports whether what a store has of a backup is all of it.
func whole(t *testing.T, s *offsite.Store, k *offsite.Key, id string) bool {
	t.Helper()
	_, err := s.Verify(t.Context(), k, "shop", id, quiet)
	return err == nil
}

// TestCut cuts the network at ten moments of a push and of a pull: what is listed is whole, and another try succeeds.
func TestCut(t *testing.T) {
	service := newService(t)
	s, k := service.open(t), newKey(t)
	b := made(t, id, 1<<20)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 10 {
		allowed := atomic.Int64{}
		allowed.Store(int64(random.IntN(14)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		service.accident(func(w http.ResponseWriter, r *http.Request) bool {
			if allowed.Add(-1) >= 0 {
				return false
			}
			if r.Body != nil {
				_, _ = io.CopyN(io.Discard, r.Body, 1000)
			}
			cancel() // the client would try again for many seconds
			panic(http.ErrAbortHandler)
		})
		b.ID = id[:len(id)-1] + strconv.Itoa(i)
		err := s.Push(ctx, k, b, quiet)
		service.accident(nil)
		if listed := slices.Contains(ids(t, s), b.ID); err == nil && !listed || listed && !whole(t, s, k, b.ID) {
			t.Errorf("cut %d: %v, listed %v", i, err, listed)
		}
		if err := s.Push(t.Context(), k, b, quiet); err != nil {
			t.Errorf("after cut %d: %v", i, err)
		}

		dir := t.TempDir()
		allowed.Store(int64(random.IntN(8)))
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		service.accident(func(http.ResponseWriter, *http.Request) bool {
			if allowed.Add(-1) >= 0 {
				return false
			}
			cancel()
			panic(http.ErrAbortHandler)
		})
		_, err = s.Pull(ctx, k, "shop", b.ID, dir, quiet)
		cancel()
		service.accident(nil)
		if found, _ := backup.List(t.Context(), dir, ""); err == nil != (len(found) == 1 && found[0].Damaged == nil) {
			t.Errorf("cut %d of a pull: %v, %+v", i, err, found)
		}
		got, err := s.Pull(t.Context(), k, "shop", b.ID, dir, quiet)
		if err != nil {
			t.Fatalf("after cut %d of a pull: %v", i, err)
		}
		same(t, b, got)
		if left, _ := os.ReadDir(dir); len(left) != 2 {
			t.Error("left:", left)
		}
	}
}

// TestLie has a store give back something else than it was given.
func TestLie(t *testing.T) {
	service := newService(t)
	s, k, b := service.open(t), newKey(t), made(t, id, 1<<20)
	lie := func(of string, change func([]byte) []byte) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, of) {
				return false
			}
			service.accident(nil)
			resp, err := http.Get(service.url + r.URL.Path)
			if err != nil {
				t.Error(err)
				return false
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			for name, v := range resp.Header {
				if name != "Content-Length" {
					w.Header()[name] = v
				}
			}
			_, _ = w.Write(change(body))
			return true
		}
	}
	flip := func(at int) func([]byte) []byte {
		return func(text []byte) []byte { text[len(text)-at] ^= 1; return text }
	}
	short := func(text []byte) []byte { return text[:len(text)-100] }
	for _, of := range []string{"/1.age", "/0.age", "/" + id + ".age"} {
		for name, change := range map[string]func([]byte) []byte{"end": flip(1), "middle": flip(50), "short": short} {
			service.accident(lie(of, change))
			if err := s.Push(t.Context(), k, b, quiet); err == nil || !errors.Is(err, offsite.ErrDamaged) {
				t.Errorf("push, %s of %s: %v", name, of, err)
			}
			service.accident(nil)
			if err := s.Push(t.Context(), k, b, quiet); err != nil {
				t.Error(err)
			}
			dir := t.TempDir()
			service.accident(lie(of, change))
			if _, err := s.Pull(t.Context(), k, "shop", id, dir, quiet); !errors.Is(err, offsite.ErrDamaged) {
				t.Errorf("pull, %s of %s: %v", name, of, err)
			}
			service.accident(nil)
			if found, _ := backup.List(t.Context(), dir, ""); len(found) != 0 {
				t.Error(found)
			}
		}
	}
}

func TestPrune(t *testing.T) {
	service := newService(t)
	s, k := service.open(t), newKey(t)
	for _, id := range []string{"shop_full_20260101_000000", "shop_full_20260102_000000", "shop_full_20260103_000000", "shopper_full_20250101_000000"} {
		if err := s.Push(t.Context(), k, made(t, id, 100), quiet); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := s.Prune(t.Context(), k, "shop", 2, 0, true, quiet); err != nil || !slices.Equal(done.IDs, []string{"shop_full_20260101_000000"}) || service.removed.Load() != 0 {
		t.Error(done, err)
	}
	service.accident(func(w http.ResponseWriter, r *http.Request) bool { // the newest is lost
		if strings.HasSuffix(r.URL.Path, "0103_000000/0.age") {
			http.Error(w, "<Error><Code>NoSuchKey</Code></Error>", http.StatusNotFound)
			return true
		}
		return false
	})
	if done, err := s.Prune(t.Context(), k, "shop", 1, 0, false, quiet); !errors.Is(err, offsite.ErrDamaged) || len(done.IDs) != 0 || service.removed.Load() != 0 {
		t.Error(done, err)
	}
	service.accident(nil)
	if _, err := s.Prune(t.Context(), k, "shop", 1, 0, false, quiet); err != nil {
		t.Error(err)
	}
	if got := ids(t, s); !slices.Equal(got, []string{"shop_full_20260103_000000"}) {
		t.Error(got)
	}
	if found, err := s.List(t.Context(), "shopper"); err != nil || len(found) != 1 {
		t.Error("another project's:", found, err)
	}
}

func TestKeyFile(t *testing.T) {
	k := newKey(t)
	if _, err := offsite.MakeKey(k.Path); err == nil {
		t.Error("a key was replaced")
	}
	if err := os.Chmod(k.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := offsite.ReadKey(k.Path); err == nil {
		t.Error("a key that others can read was taken")
	}
	if _, err := offsite.ReadKey(filepath.Join(t.TempDir(), "none")); !errors.Is(err, offsite.ErrNoKey) {
		t.Error(err)
	}
}
