// Package certs makes the TLS certificates of a project on this machine: a certification authority of its own, which
// can vouch for the project's names alone, and a server certificate by it. A person may add the authority's
// certificate to a browser; the keys are readable by this user alone.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// The names of the files: CertFile and KeyFile are the server's, AuthorityFile is in both directories.
const (
	CertFile         = "server.crt"
	KeyFile          = "server.key"
	AuthorityFile    = "ca.crt"
	AuthorityKeyFile = "ca.key"
)

// How long certificates are good, and how long before its end one is replaced. Apple's systems take no server
// certificate of more than 398 days.
const (
	authorityLife = 5 * 365 * 24 * time.Hour
	serverLife    = 397 * 24 * time.Hour
	renewBefore   = 30 * 24 * time.Hour
)

// Ensure makes sure that dir has a certificate for domain, all names below it, and localhost, by the authority in
// authorityDir, and a copy of the authority's certificate. Those that are still good are kept. It reports whether it
// made any.
func Ensure(authorityDir, dir, domain string, now time.Time) (bool, error) {
	for path, mode := range map[string]fs.FileMode{authorityDir: 0o700, dir: 0o755} {
		if err := os.MkdirAll(path, mode); err != nil {
			return false, &fault.Error{Op: "make the directory", Path: path, Err: err, Hint: "it must be writable by this user"}
		}
	}
	ca, err := loadPair(authorityDir, AuthorityFile, AuthorityKeyFile)
	made := err != nil || !goodAuthority(ca.Leaf, domain, now)
	if made {
		if ca, err = newAuthority(authorityDir, domain, now); err != nil {
			return false, err
		}
	}
	server, err := loadPair(dir, CertFile, KeyFile)
	copied, _ := readCert(filepath.Join(dir, AuthorityFile))
	if !made && err == nil && goodServer(server.Leaf, ca.Leaf, domain, now) && copied != nil && copied.Equal(ca.Leaf) {
		return false, nil
	}
	return true, newServer(dir, ca, domain, now)
}

// Check says what is wrong with a certificate that the user has put into dir.
func Check(dir string, now time.Time) error {
	pair, err := loadPair(dir, CertFile, KeyFile)
	if err == nil && now.After(pair.Leaf.NotAfter) {
		err = fmt.Errorf("it ended on %s", pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	if err != nil {
		return &fault.Error{
			Op: "use the certificate in", Path: dir, Err: err,
			Hint: "put it into " + CertFile + " and its key into " + KeyFile + ", both PEM; or set SSL_MODE=local to have one made",
		}
	}
	return nil
}

// names are those of a server certificate.
func names(domain string) []string {
	if domain == "localhost" {
		return []string{"localhost", "*.localhost"}
	}
	return []string{domain, "*." + domain, "localhost"}
}

var loopback = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}

// goodAuthority reports whether a server certificate made now would be good to its end.
func goodAuthority(c *x509.Certificate, domain string, now time.Time) bool {
	return c.IsCA && now.After(c.NotBefore) && now.Add(serverLife).Before(c.NotAfter) && len(c.PermittedDNSDomains) > 0 && c.PermittedDNSDomains[0] == domain
}

func goodServer(c, authority *x509.Certificate, domain string, now time.Time) bool {
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	for _, name := range []string{domain, "api." + domain, "localhost", "127.0.0.1"} {
		if _, err := c.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now.Add(renewBefore)}); err != nil {
			return false
		}
	}
	return true
}

func newAuthority(dir, domain string, now time.Time) (tls.Certificate, error) {
	template := &x509.Certificate{
		Subject:  pkix.Name{CommonName: "nself local authority for " + domain},
		NotAfter: now.Add(authorityLife), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{domain, "localhost"},
		PermittedIPRanges: []*net.IPNet{
			{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
			{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
		},
	}
	if err := issue(dir, AuthorityFile, AuthorityKeyFile, template, nil, now); err != nil {
		return tls.Certificate{}, err
	}
	return loadPair(dir, AuthorityFile, AuthorityKeyFile)
}

func newServer(dir string, ca tls.Certificate, domain string, now time.Time) error {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: domain}, NotAfter: now.Add(serverLife), BasicConstraintsValid: true,
		DNSNames: names(domain), IPAddresses: loopback,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if err := issue(dir, CertFile, KeyFile, template, &ca, now); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, AuthorityFile), "CERTIFICATE", ca.Certificate[0], 0o644)
}

// issue makes a key and its certificate, by ca or by itself, and writes both.
func issue(dir, certFile, keyFile string, template *x509.Certificate, ca *tls.Certificate, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return err
	}
	template.NotBefore = now.Add(-time.Hour) // other clocks may be behind
	parent, signer := template, crypto.Signer(key)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey.(crypto.Signer)
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, keyFile), "PRIVATE KEY", der, 0o600); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, certFile), "CERTIFICATE", cert, 0o644)
}

// loadPair reads a certificate and its key, which must belong together.
func loadPair(dir, certFile, keyFile string) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, certFile), filepath.Join(dir, keyFile))
	if err != nil {
		return pair, err
	}
	if pair.Leaf == nil {
		pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0])
	}
	return pair, err
}

func readCert(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

// writePEM writes one block, whole or not at all.
func writePEM(path, kind string, der []byte, mode fs.FileMode) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := hostdir.Replace(path, text, mode); err != nil {
		return &fault.Error{Op: "write", Path: path, Err: err, Hint: "the directory must be writable by this user, and its disk not full"}
	}
	return nil
}
