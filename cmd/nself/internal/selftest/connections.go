package selftest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var machineChecks = []check{
	{"machine", func(_ context.Context, b *bench, _ *pgx.Conn) (string, error) {
		return fmt.Sprintf("%s/%s, %d processors, pages of %d bytes, %s, PostgreSQL as %s code, in %s",
			runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), os.Getpagesize(), runtime.Version(), b.server.Engine(), b.temp.Path()), nil
	}},
	{"start", func(ctx context.Context, b *bench, c *pgx.Conn) (string, error) {
		version, err := ask[string](ctx, c, "SHOW server_version")
		return fmt.Sprintf("PostgreSQL %s made a new cluster and answered after %v", version, b.started.Round(time.Millisecond)), err
	}},
}

var connectionChecks = []check{
	{"unix socket", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		return "a session over it", expect(ctx, c, true, "SELECT inet_server_addr() IS NULL")
	}},
	{"tcp", func(ctx context.Context, b *bench, _ *pgx.Conn) (string, error) {
		c, err := b.overTCP(ctx, nil)
		if err != nil {
			return "", err
		}
		defer c.Close(ctx)
		return b.server.Addr().String(), expect(ctx, c, "127.0.0.1", "SELECT host(inet_client_addr())")
	}},
	{"passwords", func(ctx context.Context, b *bench, _ *pgx.Conn) (string, error) {
		u, err := url.Parse(b.server.ConnString(""))
		if err != nil {
			return "", err
		}
		u.User = url.UserPassword(u.User.Username(), "wrong")
		c, err := connectTo(ctx, u.String())
		if err == nil {
			c.Close(ctx)
		}
		return "a wrong one is refused", refused(err, "28P01") // invalid_password
	}},
	{"tls", checkTLS},
	{"dial", func(ctx context.Context, b *bench, _ *pgx.Conn) (string, error) {
		config, err := pgx.ParseConfig(b.server.ConnString(""))
		if err != nil {
			return "", err
		}
		config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return b.server.Dial(ctx) }
		c, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return "", err
		}
		defer c.Close(ctx)
		return "a session within the program", expect(ctx, c, 10_000_000, "SELECT length(repeat('x', 10000000))")
	}},
}

// overTCP opens a session, encrypted if there is a configuration of TLS.
func (b *bench) overTCP(ctx context.Context, encrypted *tls.Config) (*pgx.Conn, error) {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", b.password), Host: b.server.Addr().String(), Path: "/postgres", RawQuery: "sslmode=disable"}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, err
	}
	config.TLSConfig, config.Fallbacks = encrypted, []*pgconn.FallbackConfig{}
	return pgx.ConnectConfig(ctx, config)
}

// checkTLS switches TLS on in the running server.
func checkTLS(ctx context.Context, b *bench, c *pgx.Conn) (string, error) {
	roots, err := b.writeCertificate()
	if err != nil {
		return "", err
	}
	if err := run(ctx, c, "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"); err != nil {
		return "", err
	}
	encrypted := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13}
	var s *pgx.Conn
	for range 100 { // the postmaster reads its settings again in its own time
		if s, err = b.overTCP(ctx, encrypted); err == nil || ctx.Err() != nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return "", err
	}
	defer s.Close(ctx)
	version, err := ask[string](ctx, s, "SELECT version || ', ' || cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl")
	return version, err
}

// writeCertificate makes the server's own one, and returns who trusts it.
func (b *bench) writeCertificate() (*x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	about := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &about, &about, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(b.path("data/server.crt"), certificate, 0o600); err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	return roots, os.WriteFile(b.path("data/server.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
}
