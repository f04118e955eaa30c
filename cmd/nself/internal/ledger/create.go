package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/migrate"
)

// empty are the texts of new files, for tools that have both halves in one.
var empty = map[migrate.Tool]string{
	migrate.Goose:      "-- +goose Up\n\n-- +goose Down\n",
	migrate.Dbmate:     "-- migrate:up\n\n-- migrate:down\n",
	migrate.SQLMigrate: "-- +migrate Up\n\n-- +migrate Down\n",
	migrate.Tern:       "\n---- create above / drop below ----\n\n",
	migrate.Atlas:      "",
}

// Create makes the files of a new migration in the form that the directory has already, and returns what does it and what
// undoes it, which may be one file. Its number is the time, but for tern, which counts from 1. Hasura has a directory for each.
func (k Kind) Create(dir, name string) (up, down string, err error) {
	files, err := k.Files(dir, nil)
	if err != nil {
		return "", "", err
	}
	number := time.Now().UTC().Format("20060102150405")
	tool := migrate.Plain
	if len(files) > 0 {
		last := files[len(files)-1]
		tool = last.Script.Tool
		if n, err := strconv.Atoi(last.Version); err == nil && tool == migrate.Tern {
			number = fmt.Sprintf("%03d", n+1)
		}
	}
	text, single := empty[tool]
	stem := filepath.Join(dir, number+"_"+name)
	switch {
	case single:
		up = stem + ".sql"
		down = up
	case strings.HasPrefix(filepath.ToSlash(dir), "hasura/"):
		dir = stem
		up, down = filepath.Join(dir, migrate.UpName), filepath.Join(dir, migrate.DownName)
	default:
		up, down = stem+".up.sql", stem+".down.sql"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", err
	}
	if err = write(up, text); err == nil && down != up {
		err = write(down, text)
	}
	return up, down, err
}

// write writes a new file.
func write(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := file.WriteString(text); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
