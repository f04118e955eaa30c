package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pack makes a release of this test's own program for two platforms, and returns its files.
func pack(t *testing.T) map[string][]byte {
	t.Helper()
	r := release{version: "1.2.3", when: time.Unix(1_800_000_000, 0).UTC(), built: t.TempDir(), out: t.TempDir(), url: "https://example.org/files/", top: ".."}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"nself-linux-amd64": program, "nself-darwin-arm64": program, "man/nself.1": []byte("page"),
		"completions/nself.bash": []byte("bash"), "completions/_nself": []byte("zsh"), "completions/nself.fish": []byte("fish"),
	} {
		path := filepath.Join(r.built, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.packAll(); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	entries, err := os.ReadDir(r.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(r.out, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestRelease packs twice, and looks at what is there.
func TestRelease(t *testing.T) {
	first, second := pack(t), pack(t)
	for _, name := range []string{"nself-1.2.3-linux-amd64.tar.gz", "nself-1.2.3-darwin-arm64.tar.gz", "nself_1.2.3_amd64.deb", "nself-1.2.3-1.x86_64.rpm", "nself.rb", "SHA256SUMS"} {
		if len(first[name]) == 0 || !bytes.Equal(first[name], second[name]) {
			t.Errorf("%s has %d bytes, and the second time %d, or others", name, len(first[name]), len(second[name]))
		}
	}
	if len(first) != 6 {
		t.Errorf("%d files", len(first))
	}
	if n := strings.Count(string(first["SHA256SUMS"]), "\n"); n != 5 {
		t.Errorf("%d sums", n)
	}
	if rb := string(first["nself.rb"]); !strings.Contains(rb, "https://example.org/files/nself-1.2.3-darwin-arm64.tar.gz") || strings.Contains(rb, "darwin-amd64") {
		t.Error(rb)
	}
	checkArchives(t, first)
}

// checkArchives: what must travel with the program is there, and a program that nobody has run says so.
func checkArchives(t *testing.T, files map[string][]byte) {
	for _, p := range []string{"linux-amd64", "darwin-arm64"} {
		base := "nself-1.2.3-" + p
		z, err := gzip.NewReader(bytes.NewReader(files[base+".tar.gz"]))
		if err != nil {
			t.Fatal(err)
		}
		found := map[string][]byte{}
		for r := tar.NewReader(z); ; {
			h, err := r.Next()
			if err != nil {
				break
			}
			found[h.Name], _ = io.ReadAll(r)
		}
		for _, name := range []string{"nself", "LICENSE", "NOTICE", "LICENSES-go.txt", "LICENSES-postgresql.txt", "man/man1/nself.1", "completions/_nself", "sbom.cdx.json"} {
			if len(found[base+"/"+name]) == 0 {
				t.Errorf("%s has no %s", p, name)
			}
		}
		if _, ok := found[base+"/NOT-TESTED"]; ok != (p == "darwin-arm64") {
			t.Errorf("%s: NOT-TESTED: %v", p, ok)
		}
		var bom struct {
			Components []struct{ Name, Version string }
		}
		if err := json.Unmarshal(found[base+"/sbom.cdx.json"], &bom); err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, c := range bom.Components {
			names[c.Name] = c.Version != ""
		}
		if !names["postgres"] || !names["openssl"] || !names["github.com/CycloneDX/cyclonedx-go"] || !names["go"] {
			t.Errorf("%s: the bill of materials has %v", p, names)
		}
	}
}
