package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg/cmd/nself/internal/certs"
)

func ensure(t *testing.T, root, domain string, now time.Time) bool {
	t.Helper()
	made, err := certs.Ensure(filepath.Join(root, "ca"), filepath.Join(root, "ssl"), domain, now)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// verify checks the server's certificate as a browser does that knows the authority.
func verify(t *testing.T, root, name string, now time.Time) error {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(root, "ssl", certs.CertFile), filepath.Join(root, "ssl", certs.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(filepath.Join(root, "ssl", certs.AuthorityFile))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	_, err = pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now})
	return err
}

func TestEnsure(t *testing.T) {
	root := t.TempDir()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if !ensure(t, root, "shop.test", now) {
		t.Error("nothing made")
	}
	for _, name := range []string{"shop.test", "api.shop.test", "localhost", "127.0.0.1", "::1"} {
		if err := verify(t, root, name, now); err != nil {
			t.Error(name, err)
		}
	}
	if verify(t, root, "example.com", now) == nil {
		t.Error("good for a name that is not the project's")
	}
	for file, mode := range map[string]os.FileMode{
		"ca/" + certs.AuthorityKeyFile: 0o600, "ssl/" + certs.KeyFile: 0o600, "ssl/" + certs.CertFile: 0o644, "ssl/" + certs.AuthorityFile: 0o644, "ca": 0o700,
	} {
		if st, err := os.Stat(filepath.Join(root, file)); err != nil || st.Mode().Perm() != mode {
			t.Error(file, st.Mode(), err)
		}
	}
	before, _ := os.ReadFile(filepath.Join(root, "ssl", certs.CertFile))
	if ensure(t, root, "shop.test", now.Add(300*24*time.Hour)) {
		t.Error("a good certificate was replaced")
	}
	later := now.Add(380 * 24 * time.Hour)
	if !ensure(t, root, "shop.test", later) {
		t.Error("a certificate at its end was kept")
	}
	after, _ := os.ReadFile(filepath.Join(root, "ssl", certs.CertFile))
	if string(before) == string(after) || verify(t, root, "shop.test", later.Add(300*24*time.Hour)) != nil {
		t.Error("not renewed")
	}
	if !ensure(t, root, "other.test", later) || verify(t, root, "api.other.test", later) != nil {
		t.Error("another domain")
	}
	os.Remove(filepath.Join(root, "ssl", certs.KeyFile))
	if !ensure(t, root, "other.test", later) {
		t.Error("a lost key was not replaced")
	}
}

// TestConstraint: the authority cannot vouch for a name outside the project.
func TestConstraint(t *testing.T) {
	root := t.TempDir()
	now := time.Now()
	ensure(t, root, "shop.test", now)
	ca, err := tls.LoadX509KeyPair(filepath.Join(root, "ca", certs.AuthorityFile), filepath.Join(root, "ca", certs.AuthorityKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if !ca.Leaf.PermittedDNSDomainsCritical || strings.Join(ca.Leaf.PermittedDNSDomains, " ") != "shop.test localhost" || !ca.Leaf.MaxPathLenZero {
		t.Errorf("%v %v", ca.Leaf.PermittedDNSDomains, ca.Leaf.MaxPathLen)
	}
}

func TestCheck(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "ssl")
	now := time.Now()
	if err := certs.Check(dir, now); err == nil || !strings.Contains(err.Error(), "SSL_MODE=local") {
		t.Error(err)
	}
	ensure(t, root, "shop.test", now)
	if err := certs.Check(dir, now); err != nil {
		t.Error(err)
	}
	if err := certs.Check(dir, now.Add(400*24*time.Hour)); err == nil {
		t.Error("an old certificate")
	}
}
