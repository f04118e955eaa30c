package project

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"nself.org/embeddedpg/internal/fault"
)

// Database is what the project says of its database.
type Database struct {
	User           string // the superuser
	Password       string // "" if none is set: the embedded database then makes one up and keeps it
	Name           string // of the database
	Port           int    // in the socket's name, and of TCP where that is the route
	MaxConnections int
	SessionMemory  int64  // bytes; of the embedded database
	LocaleProvider string // of a new embedded database; see embeddedpg.Config
	Locale         string
	Preload        string // extensions and modules that the embedded database loads when it starts, with commas between
}

// Preloaded returns the names in Preload.
func (d Database) Preloaded() []string {
	return strings.FieldsFunc(d.Preload, func(r rune) bool { return r == ',' || r == ' ' })
}

// Database returns the checked POSTGRES_* variables.
func (p *Project) Database() (Database, error) {
	d := Database{
		User: p.Get("POSTGRES_USER"), Password: p.Get("POSTGRES_PASSWORD"), Name: p.Get("POSTGRES_DB"),
		LocaleProvider: p.Get("NSELF_LOCALE_PROVIDER"), Locale: p.Get("NSELF_LOCALE"),
		Preload: p.Get("POSTGRES_PRELOAD"),
	}
	for _, n := range []struct{ variable, name string }{{"POSTGRES_USER", d.User}, {"POSTGRES_DB", d.Name}} {
		if err := checkName(n.name); err != nil {
			return d, &fault.Error{Op: "use " + n.variable, Path: n.name, Err: err, Hint: fmt.Sprintf("use at most %d letters, digits and _", maxName)}
		}
	}
	if strings.HasPrefix(d.User, "pg_") {
		return d, &fault.Error{Op: "use POSTGRES_USER", Path: d.User, Err: errors.New("names of roles that begin with pg_ are PostgreSQL's own"), Hint: "choose another name"}
	}
	if err := d.checkLocale(); err != nil {
		return d, err
	}
	if d.Password != "" {
		if err := p.checkSecret("POSTGRES_PASSWORD"); err != nil {
			return d, err
		}
	}
	var err error
	if d.Port, err = p.Port("POSTGRES_PORT"); err != nil {
		return d, err
	}
	v := p.Get("POSTGRES_MAX_CONNECTIONS")
	if _, err := fmt.Sscanf(v, "%d", &d.MaxConnections); err != nil || fmt.Sprint(d.MaxConnections) != v || d.MaxConnections < minConnections || d.MaxConnections > 1000 {
		return d, &fault.Error{Op: "use POSTGRES_MAX_CONNECTIONS", Err: fmt.Errorf("%q is not a number from %d to 1000", v, minConnections), Hint: "leave it unset for " + defaults["POSTGRES_MAX_CONNECTIONS"]}
	}
	for _, name := range d.Preloaded() {
		if strings.ContainsAny(name, "/'\\\"") {
			return d, &fault.Error{Op: "use POSTGRES_PRELOAD", Path: name, Err: errors.New("it is not the name of an extension or module"), Hint: "give names with commas between, such as pg_cron,pgaudit; nself ext list has them"}
		}
	}
	d.SessionMemory, err = memory(p.Get("POSTGRES_SESSION_MEMORY"))
	if err != nil {
		return d, &fault.Error{Op: "use POSTGRES_SESSION_MEMORY", Err: err, Hint: "use a number and MB or GB, such as 512MB, from 32MB to 2560MB"}
	}
	return d, nil
}

// checkLocale says what embeddedpg.Config would, in the words of .env; which tags ICU knows, initdb says.
func (d Database) checkLocale() error {
	switch {
	case d.LocaleProvider != "" && d.LocaleProvider != "builtin" && d.LocaleProvider != "icu":
		return &fault.Error{
			Op: "use NSELF_LOCALE_PROVIDER", Err: fmt.Errorf("%q is neither builtin nor icu", d.LocaleProvider),
			Hint: "use icu, and the language as NSELF_LOCALE: en-US for en_US.UTF-8",
		}
	case d.LocaleProvider == "icu" && d.Locale == "":
		return &fault.Error{Op: "use NSELF_LOCALE_PROVIDER", Err: errors.New("NSELF_LOCALE is not set"), Hint: "set it to the tag of a language, such as de or en-US, or to und"}
	case d.LocaleProvider != "icu" && d.Locale != "" && !slices.Contains([]string{"C", "C.UTF-8", "PG_UNICODE_FAST"}, d.Locale):
		return &fault.Error{Op: "use NSELF_LOCALE", Err: fmt.Errorf("the provider builtin has no %q", d.Locale), Hint: "set NSELF_LOCALE_PROVIDER to icu"}
	}
	return nil
}

// memory reads a size in one of PostgreSQL's units of memory, and returns it in bytes.
func memory(text string) (int64, error) {
	for unit, size := range map[string]int64{"MB": 1 << 20, "GB": 1 << 30} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
			if err == nil && n*size >= 32<<20 && n*size <= 2560<<20 {
				return n * size, nil
			}
		}
	}
	return 0, fmt.Errorf("%q is not a size from 32MB to 2560MB", text)
}

// minConnections lets Hasura's two pools, Auth's, and a person at psql in at the same time.
const minConnections = 20

func checkName(name string) error {
	switch {
	case len(name) > maxName:
		return fmt.Errorf("it has %d bytes, and a name has at most %d", len(name), maxName)
	case strings.ContainsAny(name, "\x00\r\n"):
		return errors.New("it contains a line break or a zero byte")
	}
	return nil
}

// secrets are the variables that must be set and long enough, with their least lengths, for the whole stack.
var secrets = map[string]int{
	"POSTGRES_PASSWORD":           16,
	"HASURA_GRAPHQL_ADMIN_SECRET": 32,
	"HASURA_JWT_KEY":              32,
}

// Secrets returns the names of the variables whose values must not be shown.
func Secrets() []string {
	return []string{"POSTGRES_PASSWORD", "HASURA_GRAPHQL_ADMIN_SECRET", "HASURA_JWT_KEY", "AUTH_SMTP_PASS"}
}

// checkSecret refuses a secret that is short or easy to guess, without showing it.
func (p *Project) checkSecret(name string) error {
	value, least := p.Get(name), secrets[name]
	var err error
	switch {
	case value == "":
		err = errors.New("it is not set")
	case len(value) < least:
		err = fmt.Errorf("it has %d characters, and %d is the least: %w", len(value), least, errShort)
	case distinct(value) < 6:
		err = errors.New("it repeats the same few characters")
	case strings.ContainsAny(value, "\x00\r\n"):
		err = errors.New("it contains a line break or a zero byte")
	default:
		return nil
	}
	return &fault.Error{Op: "use " + name, Err: err, Hint: "nself init writes good ones into a new .env; or set it to the output of: openssl rand -hex 24"}
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// Check says everything that keeps the whole stack from starting: names, secrets, ports and modes. Each finding is
// a *fault.Error; they are joined.
func (p *Project) Check() error {
	var errs []error
	if !composeName().MatchString(p.Name) {
		errs = append(errs, &fault.Error{Op: "use PROJECT_NAME", Path: p.Name, Err: errors.New("it is no name for a Docker Compose project"), Hint: "use lower-case letters, digits, - and _, and begin with a letter or digit"})
	}
	for _, name := range []string{"POSTGRES_PASSWORD", "HASURA_GRAPHQL_ADMIN_SECRET", "HASURA_JWT_KEY"} {
		if err := p.checkSecret(name); err != nil {
			errs = append(errs, err)
		}
	}
	if p.checkSecret("POSTGRES_PASSWORD") == nil {
		if _, err := p.Database(); err != nil {
			errs = append(errs, err)
		}
	}
	for _, name := range []string{"BASE_DOMAIN", "HASURA_ROUTE", "AUTH_ROUTE"} {
		if v := p.Get(name); !hostName().MatchString(v) || name != "BASE_DOMAIN" && strings.Contains(v, ".") {
			errs = append(errs, &fault.Error{Op: "use " + name, Path: v, Err: errors.New("it is no name for a host"), Hint: "use lower-case letters, digits and -"})
		}
	}
	used := map[int]string{}
	for _, name := range []string{"HASURA_PORT", "AUTH_PORT", "NGINX_HTTP_PORT", "NGINX_HTTPS_PORT"} {
		port, err := p.Port(name)
		if err != nil {
			errs = append(errs, err)
		} else if other := used[port]; other != "" {
			errs = append(errs, &fault.Error{Op: "use " + name, Err: fmt.Errorf("%d is %s's port already", port, other), Hint: "give each service a port of its own"})
		} else {
			used[port] = name
		}
	}
	for _, c := range []struct {
		name    string
		allowed []string
	}{
		{"SSL_MODE", []string{"local", "custom", "none"}},
		{"NSELF_DB_ROUTE", []string{"auto", "socket", "tcp"}},
		{"HASURA_JWT_TYPE", []string{"HS256", "HS384", "HS512"}},
	} {
		if v := p.Get(c.name); !slices.Contains(c.allowed, v) {
			errs = append(errs, &fault.Error{Op: "use " + c.name, Err: fmt.Errorf("%q is none of %s", v, strings.Join(c.allowed, ", ")), Hint: "set " + c.name + " to one of them"})
		}
	}
	return errors.Join(errs...)
}
