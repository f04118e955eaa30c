package main

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// checkListen refuses an address that other machines reach, unless nobody can connect to it without TLS: a certificate is
// there, and each rule of pg_hba.conf that lets them in asks for TLS.
func checkListen(address string, paths supervisor.Paths) error {
	if address == "" || loopback(address) {
		return nil
	}
	bad := func(err error, hint string) error {
		return &embeddedpg.Error{Op: "listen on", Path: address, Err: err, Hint: hint + "; docs/production.md has the steps. For this machine alone use 127.0.0.1:PORT"}
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return bad(err, "give an address and a port")
	}
	for _, name := range []string{"server.crt", "server.key"} {
		if _, err := os.Stat(filepath.Join(paths.Data(), name)); err != nil {
			return bad(errors.New("other machines reach it, and there is no TLS certificate"), "put server.crt and server.key into "+paths.Data())
		}
	}
	line, err := plainRule(filepath.Join(paths.Data(), "pg_hba.conf"))
	if err != nil {
		return bad(err, "the rules must be there, and ask for TLS")
	}
	if line != "" {
		return bad(fmt.Errorf("other machines reach it, and pg_hba.conf lets them in without TLS: %s", line), "write hostssl in place of host in "+filepath.Join(paths.Data(), "pg_hba.conf"))
	}
	return nil
}

// encrypt turns TLS on where other machines reach the server and it has a certificate, unless .env says otherwise.
func encrypt(o *supervisor.Options, paths supervisor.Paths) {
	if o.Listen == "" || loopback(o.Listen) {
		return
	}
	if _, err := os.Stat(filepath.Join(paths.Data(), "server.crt")); err != nil {
		return // containers reach it, by the route that nself has chosen
	}
	settings := map[string]string{"ssl": "on"}
	maps.Copy(settings, o.Settings)
	o.Settings = settings
}

// loopback reports whether only programs of this machine reach an address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// plainRule returns the first rule of a pg_hba.conf that lets other machines in without TLS, with its number; "" if there is
// none. A file that the rules include is such a rule: it is not looked at. The syntax is that of src/backend/libpq/hba.c.
func plainRule(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	text, first := "", 0
	for n := 1; lines.Scan(); n++ {
		if text == "" {
			first = n
		}
		part, more := strings.CutSuffix(lines.Text(), `\`)
		if text += part; more {
			continue
		}
		if letsPlainIn(text) {
			return fmt.Sprintf("line %d, %q", first, strings.Join(strings.Fields(text), " ")), nil
		}
		text = ""
	}
	return "", lines.Err()
}

// letsPlainIn reports whether a rule lets connections without TLS in from other machines.
func letsPlainIn(rule string) bool {
	rule, _, _ = strings.Cut(rule, "#")
	words := strings.Fields(strings.NewReplacer(`"`, "", ",", " , ").Replace(rule))
	// "a , b" is one field.
	var fields []string
	for i := 0; i < len(words); i++ {
		if words[i] == "," && len(fields) > 0 && i+1 < len(words) {
			i++
			continue
		}
		fields = append(fields, words[i])
	}
	if len(fields) == 0 {
		return false
	}
	switch fields[0] {
	case "local", "hostssl":
		return false
	case "host", "hostnossl", "hostgssenc", "hostnogssenc":
	default: // include, or something that the server refuses
		return true
	}
	if len(fields) < 5 {
		return true
	}
	address, method := fields[3], fields[4]
	if ip, err := netip.ParseAddr(address); err == nil && len(fields) > 5 && !strings.Contains(address, "/") {
		method = fields[5] // a mask stands between them
		if ip.IsLoopback() && (fields[4] == "255.255.255.255" || fields[4] == "255.0.0.0") {
			return false
		}
	}
	if prefix, err := netip.ParsePrefix(address); err == nil {
		if prefix.Addr().IsLoopback() && (prefix.Addr().Is6() || prefix.Bits() >= 8) {
			return false
		}
	}
	return method != "reject" && address != "localhost"
}
