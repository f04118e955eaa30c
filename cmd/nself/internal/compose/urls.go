package compose

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"nself.org/embeddedpg/cmd/nself/internal/docker"
	"nself.org/embeddedpg/cmd/nself/internal/project"
)

// Services returns the names of the services in Docker, in the order in which they start.
func Services(p *project.Project) []string {
	names := []string{"hasura", "auth", "nginx"}
	if !p.Embedded {
		names = slices.Insert(names, 0, "postgres")
	}
	return names
}

// Port is a TCP port of this machine that a service takes.
type Port struct {
	Service  string `json:"service"`
	Variable string `json:"variable"` // that sets it
	IP       string `json:"ip"`       // the address it is opened on
	Port     int    `json:"port"`
}

// Ports returns the ports that the services in Docker open on this machine. Values that are no ports are left
// out: project.Check tells of them.
func Ports(p *project.Project) []Port {
	bind, err := bindIP(p)
	if err != nil {
		bind = "127.0.0.1"
	}
	all := []Port{
		{"hasura", "HASURA_PORT", "127.0.0.1", 0},
		{"auth", "AUTH_PORT", "127.0.0.1", 0},
		{"nginx", "NGINX_HTTP_PORT", bind, 0},
		{"nginx", "NGINX_HTTPS_PORT", bind, 0},
	}
	if p.Get("SSL_MODE") == "none" {
		all = all[:3]
	}
	if !p.Embedded {
		all = slices.Insert(all, 0, Port{"postgres", "POSTGRES_PORT", "127.0.0.1", 0})
	}
	var ports []Port
	for _, port := range all {
		if n, err := p.Port(port.Variable); err == nil {
			port.Port = n
			ports = append(ports, port)
		}
	}
	return ports
}

// URL is an address of a service for a person or program on this machine.
type URL struct {
	Service string `json:"service"`
	URL     string `json:"url"`
	Note    string `json:"note,omitempty"`
}

// URLs returns the addresses of the services in Docker. They contain no secrets.
func URLs(p *project.Project) []URL {
	port := func(name string) string { return p.Get(name) }
	urls := []URL{
		{"hasura", "http://localhost:" + port("HASURA_PORT"), "GraphQL at /v1/graphql, the console at /console"},
		{"auth", "http://localhost:" + port("AUTH_PORT"), ""},
	}
	scheme, web := "https", port("NGINX_HTTPS_PORT")
	if p.Get("SSL_MODE") == "none" {
		scheme, web = "http", port("NGINX_HTTP_PORT")
	}
	if scheme == "https" && web == "443" || scheme == "http" && web == "80" {
		web = ""
	} else {
		web = ":" + web
	}
	hasura, auth := p.Get("HASURA_ROUTE"), p.Get("AUTH_ROUTE")
	urls = append(urls,
		URL{"nginx", fmt.Sprintf("%s://localhost%s/%s/", scheme, web, hasura), "Hasura"},
		URL{"nginx", fmt.Sprintf("%s://localhost%s/%s/", scheme, web, auth), "Auth"},
		URL{"nginx", fmt.Sprintf("%s://%s.%s%s", scheme, hasura, domain(p), web), "Hasura, where the name leads to this machine"},
		URL{"nginx", fmt.Sprintf("%s://%s.%s%s", scheme, auth, domain(p), web), "Auth, where the name leads to this machine"},
	)
	if !p.Embedded {
		urls = slices.Insert(urls, 0, URL{"postgres", "postgresql://" + p.Get("POSTGRES_USER") + "@127.0.0.1:" + port("POSTGRES_PORT") + "/" + p.Get("POSTGRES_DB"), "this machine alone"})
	}
	return urls
}

// Command returns a Docker Compose command line for the project's file, and for the user's own file over it if there is
// one. It contains no secrets.
func Command(e docker.Engine, p *project.Project, args ...string) []string {
	command := append(slices.Clone(e.Compose), "--project-directory", p.Dir, "--project-name", p.Name, "--file", filepath.Join(p.Dir, File))
	if _, err := os.Stat(filepath.Join(p.Dir, override)); err == nil {
		command = append(command, "--file", filepath.Join(p.Dir, override))
	}
	return append(command, args...)
}

// jwtSecret is the JSON that Hasura and Auth read.
func jwtSecret(p *project.Project) (string, error) {
	b, err := json.Marshal(struct {
		Type string `json:"type"`
		Key  string `json:"key"`
	}{p.Get("HASURA_JWT_TYPE"), p.Get("HASURA_JWT_KEY")})
	return string(b), err
}
