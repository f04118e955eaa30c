package compose

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"nself.org/embeddedpg/cmd/nself/internal/docker"
	"nself.org/embeddedpg/cmd/nself/internal/project"
	"nself.org/embeddedpg/internal/fault"
)

// databaseFile describes the database in Docker alone: the same service, container and volume as in a whole stack
// without the embedded database. It is there to move the data between the two.
const databaseFile = ".nself/docker-postgres.yml"

// BuildDatabase writes the files that DatabaseCommand needs.
func BuildDatabase(p *project.Project) error {
	q := *p
	q.Embedded = false
	b := &builder{p: &q, o: Options{Route: docker.Route{Kind: docker.Inside}}, images: newImages(&q)}
	var err error
	if b.db, err = q.Database(); err != nil {
		return err
	}
	if b.db.Password == "" {
		return &fault.Error{Op: "use the database in Docker", Err: errors.New("POSTGRES_PASSWORD is not set"), Hint: "set it in .env to that database's password"}
	}
	if b.major, err = postgresMajor(b.images.postgres); err != nil {
		return err
	}
	file := &types.Project{Name: q.Name, Services: types.Services{"postgres": b.postgres()}, Volumes: types.Volumes{"postgres_data": {}}}
	text, err := file.MarshalYAML()
	if err != nil {
		return fmt.Errorf("write the compose file: %w", err)
	}
	outputs, err := b.postgresFiles()
	if err != nil {
		return err
	}
	for _, f := range append(outputs, output{databaseFile, 0o600, append([]byte(header), text...)}) {
		if _, err := f.write(p.Dir); err != nil {
			return err
		}
	}
	return nil
}

// DatabaseCommand returns a Docker Compose command line for the database in Docker alone. The database's port is
// POSTGRES_PORT of 127.0.0.1, its user, password and name the project's.
func DatabaseCommand(e docker.Engine, p *project.Project, args ...string) []string {
	return slices.Concat(e.Compose, []string{
		"--project-directory", p.Dir, "--project-name", p.Name, "--file", filepath.Join(p.Dir, filepath.FromSlash(databaseFile)),
	}, args)
}
