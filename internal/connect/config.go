package connect

import (
	"fmt"
	"net/url"
	"os"

	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/internal/hostdir"
)

// Config returns a driver's configuration: what parse makes of a URL of Server.URL, without anything of the
// environment, of a service file, a password file, or the files of TLS in the home directory. base returns
// the part of it that is pgconn's. TLS to a server elsewhere, with an sslmode other than disable, is still
// set up as PGSSLROOTCERT and its like say.
func Config[T any](address string, parse func(string) (T, error), base func(T) *pgconn.Config) (T, error) {
	return config(address, false, parse, base)
}

// Foreign is Config for a server that a person has named by a URL: the password may be in PGPASSWORD, or in
// a password file, as libpq has it. All else is the URL's.
func Foreign[T any](address string, parse func(string) (T, error), base func(T) *pgconn.Config) (T, error) {
	return config(address, true, parse, base)
}

func config[T any](address string, foreign bool, parse func(string) (T, error), base func(T) *pgconn.Config) (T, error) {
	var none T
	address, done, err := sealed(address, foreign)
	if err != nil {
		return none, err
	}
	defer done()
	c, err := parse(address)
	if err != nil {
		return none, err
	}
	u, err := url.Parse(address)
	for _, name := range []string{"application_name", "timezone", "options"} {
		if err != nil || !u.Query().Has(name) {
			delete(base(c).RuntimeParams, name)
		}
	}
	return c, nil
}

// fixed are the parameters for which pgx looks at the environment (parseEnvSettings in pgconn/config.go),
// with the values that it has without one. Those that end up as settings of the session are taken away
// later.
var fixed = map[string]string{
	"connect_timeout": "0", "target_session_attrs": "any", "min_protocol_version": "3.0",
	"max_protocol_version": "3.0", "channel_binding": "prefer", "require_auth": "",
}

// fixedTLS are those for a connection without TLS.
var fixedTLS = map[string]string{
	"sslkey": "", "sslcert": "", "sslcertmode": "allow", "sslsni": "1", "sslrootcert": "", "sslpassword": "", "sslnegotiation": "postgres",
}

// sealed is the URL with every parameter given. done is to be called when it has been read.
func sealed(plain string, foreign bool) (address string, done func(), err error) {
	u, err := url.Parse(plain)
	if foreign && (err != nil || u.Scheme == "") { // several hosts, or keywords and values
		return plain, func() {}, nil
	}
	if err != nil {
		return "", nil, err
	}
	given := u.Query()
	add := func(name, value string) {
		if !given.Has(name) {
			if u.RawQuery != "" {
				u.RawQuery += "&" // pgx refuses an empty parameter
			}
			u.RawQuery += name + "=" + escapePath(value)
		}
	}
	for name, value := range fixed {
		add(name, value)
	}
	if given.Get("sslmode") == "disable" {
		for name, value := range fixedTLS {
			add(name, value)
		}
	}
	if _, ok := u.User.Password(); !ok && !foreign {
		add("password", "")
	}
	if !foreign {
		add("passfile", "")
	}
	done = func() {}
	// PGSERVICE cannot be overruled by an empty value, but by another service: one that says nothing.
	if os.Getenv("PGSERVICE") != "" {
		file, err := emptyService()
		if err != nil {
			return "", nil, fmt.Errorf("connect without the service of PGSERVICE: %w", err)
		}
		done = func() { os.Remove(file) }
		add("servicefile", file)
		add("service", serviceName)
	}
	return u.String(), done, nil
}

const serviceName = "embeddedpg"

// emptyService makes a service file with one service without settings.
func emptyService() (string, error) {
	f, err := hostdir.CreateTemp("embeddedpg-service-")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString("[" + serviceName + "]\n")
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}
