package compose

import (
	"cmp"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"nself.org/embeddedpg/cmd/nself/internal/project"
	"nself.org/embeddedpg/internal/fault"
)

// The images, all of them. A variable of the same name in .env takes another version; the first is another image.
const (
	hasuraImage   = "hasura/graphql-engine"
	hasuraVersion = "v2.48.6" // HASURA_VERSION; the first whose own pg_dump (17.6) is but one major behind
	authImage     = "nhost/hasura-auth"
	authVersion   = "0.36.0" // AUTH_VERSION
	nginxImage    = "nginx"
	nginxVersion  = "1.28.0-alpine"          // NGINX_VERSION
	postgresImage = "pgvector/pgvector:pg18" // POSTGRES_IMAGE; the major of the embedded one, so that data moves both ways
)

// images are the images of one project.
type images struct{ hasura, auth, nginx, postgres string }

func newImages(p *project.Project) images {
	return images{
		hasura:   hasuraImage + ":" + cmp.Or(p.Get("HASURA_VERSION"), hasuraVersion),
		auth:     authImage + ":" + cmp.Or(p.Get("AUTH_VERSION"), authVersion),
		nginx:    nginxImage + ":" + cmp.Or(p.Get("NGINX_VERSION"), nginxVersion),
		postgres: cmp.Or(p.Get("POSTGRES_IMAGE"), postgresImage),
	}
}

// Images returns the images of the project's services.
func Images(p *project.Project) []string {
	i := newImages(p)
	all := []string{i.hasura, i.auth, i.nginx}
	if !p.Embedded {
		all = append([]string{i.postgres}, all...)
	}
	return all
}

var tagMajor = regexp.MustCompile(`^(?:pg)?(\d{2})(?:\D|$)`)

// postgresMajor is the major version in the tag of an image such as pgvector/pgvector:pg18 or postgres:16-alpine. The
// place of the data in the container depends on it.
func postgresMajor(image string) (int, error) {
	_, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	m := tagMajor.FindStringSubmatch(tag)
	if m == nil {
		return 0, &fault.Error{Op: "use POSTGRES_IMAGE", Path: image, Err: errors.New("its tag does not begin with PostgreSQL's major version"), Hint: "use one such as " + postgresImage + " or postgres:16-alpine"}
	}
	return strconv.Atoi(m[1])
}
