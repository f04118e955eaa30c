package compose

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"nself.org/embeddedpg/cmd/nself/internal/docker"
	"nself.org/embeddedpg/cmd/nself/internal/project"
)

// base is what all services have in common.
func base(p *project.Project, name, image string) types.ServiceConfig {
	s := types.ServiceConfig{Name: name, ContainerName: p.Name + "_" + name, Restart: types.RestartPolicyUnlessStopped}
	s.Image = image
	s.CapDrop = []string{"ALL"}
	s.SecurityOpt = []string{"no-new-privileges:true"}
	s.PidsLimit = 100
	s.CPUS = 1
	s.Logging = &types.LoggingConfig{Driver: "json-file", Options: map[string]string{"max-size": "10m", "max-file": "3"}}
	s.StopGracePeriod = duration(10 * time.Second)
	return s
}

func duration(d time.Duration) *types.Duration {
	v := types.Duration(d)
	return &v
}

// health is a check by a program in the container, every 5 s.
func health(start time.Duration, test ...string) *types.HealthCheckConfig {
	retries := uint64(6)
	return &types.HealthCheckConfig{
		Test: append([]string{"CMD"}, test...), Interval: duration(5 * time.Second), Timeout: duration(5 * time.Second),
		Retries: &retries, StartPeriod: duration(start),
	}
}

func after(names ...string) types.DependsOnConfig {
	d := types.DependsOnConfig{}
	for _, name := range names {
		d[name] = types.ServiceDependency{Condition: types.ServiceConditionHealthy, Required: true}
	}
	return d
}

// publish makes a port of the container reachable at an address of this machine.
func publish(ip string, port int, target uint32) types.ServicePortConfig {
	return types.ServicePortConfig{Mode: "ingress", HostIP: ip, Published: strconv.Itoa(port), Target: target, Protocol: "tcp"}
}

// mount is a bind mount of something that must exist: Docker would make a missing source a directory of root's.
func mount(source, target string, readOnly bool) types.ServiceVolumeConfig {
	return types.ServiceVolumeConfig{
		Type: types.VolumeTypeBind, Source: source, Target: target, ReadOnly: readOnly,
		Bind: &types.ServiceVolumeBind{CreateHostPath: false},
	}
}

// secretsOf is the environment file of a service.
func secretsOf(service string) string { return ".nself/env/" + service + ".env" }

func envFile(service string) []types.EnvFile {
	return []types.EnvFile{{Path: "./" + secretsOf(service), Required: true}}
}

// literal protects a value from Compose's own substitution.
func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }

func environ(vars map[string]string) types.MappingWithEquals {
	m := types.MappingWithEquals{}
	for name, value := range vars {
		v := literal(value)
		m[name] = &v
	}
	return m
}

// route gives a service the way to the database.
func (b *builder) route(s *types.ServiceConfig) {
	switch b.o.Route.Kind {
	case docker.Socket:
		s.Volumes = append(s.Volumes, mount(literal(b.o.SocketDir), mountedSocketDir, false))
	case docker.TCP:
		if b.o.Route.Host == docker.HostName {
			s.ExtraHosts = types.HostsList{docker.HostName: []string{"host-gateway"}}
		}
	case docker.Inside:
		for name, d := range after("postgres") {
			s.DependsOn[name] = d
		}
	}
}

func (b *builder) hasura() types.ServiceConfig {
	s := base(b.p, "hasura", b.images.hasura)
	s.User = "1001:1001"
	s.MemLimit = 1 << 30
	s.PidsLimit = 256 // a thread for each connection that waits in libpq
	s.StopGracePeriod = duration(30 * time.Second)
	s.Environment = environ(map[string]string{
		"HASURA_GRAPHQL_UNAUTHORIZED_ROLE": "public",
		"HASURA_GRAPHQL_PG_CONNECTIONS":    strconv.Itoa(b.pool),
		"HASURA_GRAPHQL_ENABLE_CONSOLE":    b.p.Get("HASURA_GRAPHQL_ENABLE_CONSOLE"),
		"HASURA_GRAPHQL_DEV_MODE":          b.p.Get("HASURA_GRAPHQL_DEV_MODE"),
		"HASURA_GRAPHQL_ENABLE_TELEMETRY":  b.p.Get("HASURA_GRAPHQL_ENABLE_TELEMETRY"),
	})
	s.EnvFiles = envFile("hasura")
	s.Ports = []types.ServicePortConfig{publish("127.0.0.1", b.ports["HASURA_PORT"], 8080)}
	s.HealthCheck = health(30*time.Second, "curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8080/healthz")
	s.DependsOn = types.DependsOnConfig{}
	b.route(&s)
	return s
}

func (b *builder) auth() types.ServiceConfig {
	s := base(b.p, "auth", b.images.auth)
	s.MemLimit = 512 << 20
	s.Environment = environ(map[string]string{
		"AUTH_HOST":                     "0.0.0.0", // within the container
		"AUTH_PORT":                     "4000",
		"AUTH_SERVER_URL":               fmt.Sprintf("http://localhost:%d", b.ports["AUTH_PORT"]),
		"AUTH_CLIENT_URL":               b.p.Get("AUTH_CLIENT_URL"),
		"AUTH_ACCESS_TOKEN_EXPIRES_IN":  b.p.Get("AUTH_ACCESS_TOKEN_EXPIRES_IN"),
		"AUTH_REFRESH_TOKEN_EXPIRES_IN": b.p.Get("AUTH_REFRESH_TOKEN_EXPIRES_IN"),
		"AUTH_SMTP_HOST":                b.p.Get("AUTH_SMTP_HOST"),
		"AUTH_SMTP_PORT":                b.p.Get("AUTH_SMTP_PORT"),
		"AUTH_SMTP_SENDER":              b.p.Get("AUTH_SMTP_SENDER"),
		"AUTH_SMTP_SECURE":              b.p.Get("AUTH_SMTP_SECURE"),
		"HASURA_GRAPHQL_GRAPHQL_URL":    "http://hasura:8080/v1/graphql",
	})
	s.EnvFiles = envFile("auth")
	s.Ports = []types.ServicePortConfig{publish("127.0.0.1", b.ports["AUTH_PORT"], 4000)}
	s.HealthCheck = health(30*time.Second, "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:4000/healthz")
	s.DependsOn = after("hasura")
	b.route(&s)
	return s
}

func (b *builder) nginx(hash string) types.ServiceConfig {
	s := base(b.p, "nginx", b.images.nginx)
	s.User = b.nginxUser()
	s.MemLimit = 128 << 20
	s.ReadOnly = true
	s.Tmpfs = types.StringList{"/tmp"}
	s.Command = types.ShellCommand{"nginx", "-g", "daemon off;"}
	s.Labels = types.Labels{"org.nself.config": hash} // another configuration is another container
	s.Volumes = []types.ServiceVolumeConfig{mount("./nginx", "/etc/nginx", true)}
	s.Ports = []types.ServicePortConfig{publish(b.bind, b.ports["NGINX_HTTP_PORT"], 80)}
	if b.tls {
		s.Volumes = append(s.Volumes, mount("./ssl", "/etc/ssl/nself", true))
		s.Ports = append(s.Ports, publish(b.bind, b.ports["NGINX_HTTPS_PORT"], 443))
	}
	s.HealthCheck = health(10*time.Second, "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/health")
	s.DependsOn = after("hasura", "auth")
	return s
}

// postgres is the database in Docker.
func (b *builder) postgres() types.ServiceConfig {
	s := base(b.p, "postgres", b.images.postgres)
	s.User = "999:999"
	if strings.Contains(b.images.postgres, "alpine") {
		s.User = "70:70"
	}
	s.MemLimit = 1 << 30
	s.PidsLimit = int64(b.db.MaxConnections) + 100
	s.ShmSize = 256 << 20
	s.StopGracePeriod = duration(60 * time.Second)
	s.Command = types.ShellCommand{"postgres", "-c", fmt.Sprintf("max_connections=%d", b.db.MaxConnections), "-c", "shared_buffers=256MB"}
	s.Environment = environ(map[string]string{
		"POSTGRES_USER": b.db.User, "POSTGRES_DB": b.db.Name, "POSTGRES_HOST_AUTH_METHOD": "scram-sha-256",
		"POSTGRES_INITDB_ARGS": "--data-checksums --auth=scram-sha-256",
	})
	s.EnvFiles = envFile("postgres")
	s.Ports = []types.ServicePortConfig{publish("127.0.0.1", b.db.Port, 5432)}
	place := "/var/lib/postgresql" // the image keeps a directory for each major in it
	if b.major < 18 {
		place = "/var/lib/postgresql/data"
	}
	s.Volumes = []types.ServiceVolumeConfig{
		{Type: types.VolumeTypeVolume, Source: "postgres_data", Target: place},
		mount("./postgres/init", "/docker-entrypoint-initdb.d", true),
	}
	s.HealthCheck = health(30*time.Second, "pg_isready", "-h", "127.0.0.1", "-U", literal(b.db.User), "-d", literal(b.db.Name))
	return s
}
