package compose

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"nself.org/embeddedpg/cmd/nself/internal/certs"
	"nself.org/embeddedpg/cmd/nself/internal/docker"
	"nself.org/embeddedpg/cmd/nself/internal/project"
	"nself.org/embeddedpg/internal/fault"
)

// File is the compose file, in the project's directory.
const File = "docker-compose.yml"

// override is a file of the user's own that is laid over it.
const override = "docker-compose.override.yml"

// header begins every generated file that a person may want to edit.
const header = "# Written by nself build, which replaces it.\n"

// Options are what Build cannot read from the project.
type Options struct {
	Route     docker.Route // to the embedded database; not used when it is not embedded
	SocketDir string       // of the embedded database; for a socket route
	Rootless  bool         // the engine runs as this user, who is root in its containers
	UID, GID  int          // who owns the files that Nginx reads: the process's
	Now       time.Time    // zero: now
}

// Result says what Build did; the names are relative to the project.
type Result struct {
	Changed []string `json:"changed"` // written
	Kept    []string `json:"kept"`    // right already
}

// builder is one Build.
type builder struct {
	p      *project.Project
	o      Options
	db     project.Database
	images images
	ports  map[string]int
	pool   int    // Hasura's
	major  int    // of the database in Docker
	bind   string // Nginx's address
	tls    bool
	result Result
}

// Build checks the project and writes its compose file, Nginx's configuration, certificates and the services'
// environment files. A file is written whole and only if it changes. A docker-compose.yml that nself did not write is
// not replaced.
func Build(p *project.Project, o Options) (Result, error) {
	b, err := newBuilder(p, o)
	if err != nil {
		return Result{}, err
	}
	if err := ours(filepath.Join(p.Dir, File)); err != nil {
		return Result{}, err
	}
	outputs, err := b.secrets()
	if err != nil {
		return Result{}, err
	}
	if b.tls {
		if err := b.certificates(); err != nil {
			return b.result, err
		}
	}
	hash := sha256.New()
	for _, f := range b.nginxFiles() {
		fmt.Fprintf(hash, "%s %d %s", f.name, len(f.data), f.data)
		outputs = append(outputs, f)
	}
	if b.tls {
		cert, err := os.ReadFile(filepath.Join(p.Dir, "ssl", certs.CertFile))
		if err != nil {
			return b.result, err
		}
		hash.Write(cert)
	}
	text, err := b.compose(hex.EncodeToString(hash.Sum(nil)[:8]))
	if err != nil {
		return b.result, err
	}
	outputs = append(outputs, ignored(p)...)
	outputs = append(outputs, output{File, 0o644, text}) // last: the others are there when it is
	for _, f := range outputs {
		changed, err := f.write(p.Dir)
		if err != nil {
			return b.result, err
		}
		b.note(f.name, changed)
	}
	return b.result, nil
}

func newBuilder(p *project.Project, o Options) (*builder, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	db, err := p.Database()
	if err != nil {
		return nil, err
	}
	if !p.Embedded {
		o.Route = docker.Route{Kind: docker.Inside}
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	b := &builder{p: p, o: o, db: db, images: newImages(p), ports: map[string]int{}, tls: p.Get("SSL_MODE") != "none"}
	for _, port := range Ports(p) {
		b.ports[port.Variable] = port.Port
	}
	b.bind, err = bindIP(p)
	if err != nil {
		return nil, err
	}
	if b.pool, err = hasuraConnections(p, db); err == nil && !p.Embedded {
		b.major, err = postgresMajor(b.images.postgres)
	}
	return b, err
}

// bindIP is the address on which Nginx is reached: this machine alone, in production every network.
func bindIP(p *project.Project) (string, error) {
	ip := p.Get("NGINX_BIND_IP")
	if ip == "" {
		ip = "127.0.0.1"
		if p.Env == "prod" {
			ip = "0.0.0.0"
		}
	}
	if net.ParseIP(ip) == nil {
		return "", &fault.Error{Op: "use NGINX_BIND_IP", Path: ip, Err: errors.New("it is no IP address"), Hint: "use 127.0.0.1 for this machine alone, or 0.0.0.0"}
	}
	return ip, nil
}

func (b *builder) note(name string, changed bool) {
	if changed {
		b.result.Changed = append(b.result.Changed, name)
	} else {
		b.result.Kept = append(b.result.Kept, name)
	}
}

// ours refuses a compose file that someone else wrote.
func ours(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && strings.HasPrefix(string(text), header) {
		return nil
	}
	if err == nil {
		err = errors.New("nself did not write this file, so it does not replace it")
	}
	return &fault.Error{Op: "write", Path: path, Err: err, Hint: "move it away, or to " + override + ", which nself lays over its own"}
}

// compose is the text of the compose file.
func (b *builder) compose(hash string) ([]byte, error) {
	file := &types.Project{Name: b.p.Name, Services: types.Services{}}
	services := []types.ServiceConfig{b.hasura(), b.auth(), b.nginx(hash)}
	if !b.p.Embedded {
		services = append(services, b.postgres())
		file.Volumes = types.Volumes{"postgres_data": {}}
	}
	for _, s := range services {
		file.Services[s.Name] = s
	}
	text, err := file.MarshalYAML()
	if err != nil {
		return nil, fmt.Errorf("write the compose file: %w", err)
	}
	return append([]byte(header+"# Put changes into "+override+". Secrets are in .nself/env, not here.\n"), text...), nil
}

// secrets are the environment files, and what else a database in Docker needs.
func (b *builder) secrets() ([]output, error) {
	database := databaseURL(b.db, b.o.Route)
	jwt, err := jwtSecret(b.p)
	if err != nil {
		return nil, err
	}
	admin := b.p.Get("HASURA_GRAPHQL_ADMIN_SECRET")
	files := map[string]map[string]string{
		"hasura": {
			"HASURA_GRAPHQL_DATABASE_URL": database,
			"HASURA_GRAPHQL_ADMIN_SECRET": admin,
			"HASURA_GRAPHQL_JWT_SECRET":   jwt,
		},
		"auth": {
			"HASURA_GRAPHQL_DATABASE_URL": database,
			"POSTGRES_CONNECTION":         database,
			"HASURA_GRAPHQL_ADMIN_SECRET": admin,
			"HASURA_GRAPHQL_JWT_SECRET":   jwt,
			"AUTH_SMTP_USER":              b.p.Get("AUTH_SMTP_USER"),
			"AUTH_SMTP_PASS":              b.p.Get("AUTH_SMTP_PASS"),
		},
	}
	names := []string{"hasura", "auth"}
	var outputs []output
	if !b.p.Embedded {
		if outputs, err = b.postgresFiles(); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		text, err := project.WriteEnv(files[name])
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, output{secretsOf(name), 0o600, text})
	}
	return outputs, nil
}

// postgresFiles are the environment file of a database in Docker, and the SQL that its image runs when it is new.
func (b *builder) postgresFiles() ([]output, error) {
	text, err := project.WriteEnv(map[string]string{"POSTGRES_PASSWORD": b.db.Password})
	if err != nil {
		return nil, err
	}
	sql := "-- Written by nself build, which replaces it.\n" + strings.Join(Bootstrap(), ";\n") + ";\n"
	return []output{{secretsOf("postgres"), 0o600, text}, {"postgres/init/00-nself.sql", 0o644, []byte(sql)}}, nil
}

// certificates makes those of a local CA, or checks the user's own.
func (b *builder) certificates() error {
	dir := filepath.Join(b.p.Dir, "ssl")
	if b.p.Get("SSL_MODE") == "custom" {
		if err := certs.Check(dir, b.o.Now); err != nil {
			return err
		}
		b.note("ssl/"+certs.CertFile, false)
		b.note("ssl/"+certs.KeyFile, false)
		return nil
	}
	changed, err := certs.Ensure(filepath.Join(b.p.Dir, ".nself", "ca"), dir, domain(b.p), b.o.Now)
	for _, name := range []string{"ssl/" + certs.AuthorityFile, "ssl/" + certs.CertFile, "ssl/" + certs.KeyFile} {
		b.note(name, changed)
	}
	return err
}

func domain(p *project.Project) string { return cmp.Or(p.Get("BASE_DOMAIN"), "localhost") }

// Generated returns the files that Build writes, relative to the project: what nself reset removes. The certificates are
// not among them if they are the user's own.
func Generated(p *project.Project) []string {
	names := []string{
		File, "nginx/nginx.conf", secretsOf("hasura"), secretsOf("auth"), secretsOf("postgres"), "postgres/init/00-nself.sql", databaseFile,
	}
	if p.Get("SSL_MODE") == "local" {
		names = append(names, "ssl/"+certs.AuthorityFile, "ssl/"+certs.CertFile, "ssl/"+certs.KeyFile, ".nself/ca/"+certs.AuthorityFile, ".nself/ca/"+certs.AuthorityKeyFile)
	}
	for _, f := range ignored(p) {
		names = append(names, f.name)
	}
	return names
}

// ignored are files that keep what is secret out of version control, if that is Git.
func ignored(p *project.Project) []output {
	list := []output{{".nself/.gitignore", 0o600, []byte("*\n")}}
	if p.Get("SSL_MODE") == "local" {
		list = append(list, output{"ssl/.gitignore", 0o644, []byte("*\n")})
	}
	return list
}

// nginxFiles is Nginx's configuration.
func (b *builder) nginxFiles() []output {
	var text bytes.Buffer
	text.WriteString(header)
	if err := nginxTemplate.Execute(&text, b.nginxValues()); err != nil {
		panic(err) // the template and its values are ours
	}
	return []output{{"nginx/nginx.conf", 0o644, text.Bytes()}}
}
