package embeddedpg_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
)

// TestTLS connects over TCP with a verified certificate, which PostgreSQL reads from its data directory.
func TestTLS(t *testing.T) {
	dir := newCluster(t)
	config := embeddedpg.Config{DataDir: dir, Listen: "127.0.0.1:0", Password: templatePassword, Settings: map[string]string{"ssl": "on"}}
	certificate(t, filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))

	server, err := embeddedpg.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	query := url.Values{"sslmode": {"verify-full"}, "sslrootcert": {filepath.Join(dir, "server.crt")}}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", config.Password), Host: server.Addr().String(), Path: "/postgres",
		RawQuery: query.Encode(),
	}
	c, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	var version string
	if err := c.QueryRow(t.Context(), "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if version != "TLSv1.3" {
		t.Errorf("the connection speaks %s", version)
	}

	other := filepath.Join(t.TempDir(), "other.crt")
	certificate(t, other, filepath.Join(t.TempDir(), "other.key"))
	query.Set("sslrootcert", other)
	u.RawQuery = query.Encode()
	if c, err := pgx.Connect(t.Context(), u.String()); err == nil {
		c.Close(t.Context())
		t.Error("a certificate that the client does not know was accepted")
	}
}

// TestTLSReload switches TLS on in a running server, as docs/embedding.md tells, and then insists on it.
func TestTLSReload(t *testing.T) {
	dir := newCluster(t)
	s := start(t, embeddedpg.Config{DataDir: dir, Listen: "127.0.0.1:0", Password: templatePassword})
	reaches := func(mode string) bool {
		u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", templatePassword), Host: s.Addr().String(), Path: "/postgres", RawQuery: "sslmode=" + mode}
		c, err := pgx.Connect(t.Context(), u.String())
		if err == nil {
			c.Close(t.Context())
		}
		return err == nil
	}
	if !reaches("disable") || reaches("require") {
		t.Error("TLS before it is switched on, or nothing")
	}
	certificate(t, filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
	c := dial(t, s)
	exec(t, c, "ALTER SYSTEM SET ssl = on")
	exec(t, c, "SELECT pg_reload_conf()")
	for deadline := time.Now().Add(20 * time.Second); !reaches("require"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no TLS after the reload")
		}
	}
	hba, err := os.ReadFile(filepath.Join(dir, "pg_hba.conf"))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "pg_hba.conf"), strings.ReplaceAll(string(hba), "\nhost ", "\nhostssl "))
	if reaches("disable") || !reaches("require") {
		t.Error("hostssl does not insist on TLS")
	}
}

// certificate writes a new self-signed one for 127.0.0.1.
func certificate(t *testing.T, file, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{file: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
