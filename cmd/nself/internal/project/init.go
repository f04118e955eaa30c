package project

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"nself.org/embeddedpg/internal/fault"
)

// InitOptions are what a new .env says. The zero value is good.
type InitOptions struct {
	Name     string // PROJECT_NAME; "": the directory's name
	Domain   string // BASE_DOMAIN; "": local.nself.org
	Embedded bool   // write NSELF_EMBEDDED_PG=true
}

// Init writes the .env of a new project, mode 0600, with secrets made up, and returns its path. If there is one
// already it fails with fs.ErrExist and changes nothing.
func Init(dir string, o InitOptions) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	name := o.Name
	if name == "" {
		name = projectName(filepath.Base(dir))
	}
	if !composeName().MatchString(name) || databaseName(name) == "" {
		return "", &fault.Error{Op: "name the project", Path: name, Err: errors.New("it is no name for a Docker Compose project"), Hint: "give one of lower-case letters, digits, - and _: nself init --name NAME"}
	}
	if strings.ContainsAny(o.Domain, " \t\r\n'\"$/;") {
		return "", &fault.Error{Op: "use the domain", Path: o.Domain, Err: errors.New("it is no host name"), Hint: "give one such as local.nself.org"}
	}
	path := filepath.Join(dir, ".env")
	if _, err := os.Lstat(path); err == nil {
		return path, &fault.Error{Op: "write", Path: path, Err: fs.ErrExist, Hint: "edit it; nself never overwrites it"}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by nself init. It holds secrets: keep it out of version control.\nPROJECT_NAME=%s\nENV=dev\n", name)
	if o.Domain != "" {
		fmt.Fprintf(&b, "BASE_DOMAIN=%s\n", o.Domain)
	}
	if o.Embedded {
		b.WriteString("NSELF_EMBEDDED_PG=true\n")
	}
	fmt.Fprintf(&b, "\nPOSTGRES_USER=postgres\nPOSTGRES_DB=%s\nPOSTGRES_PASSWORD=%s\nPOSTGRES_SESSION_MEMORY=%s\n", databaseName(name), secret(16), defaults["POSTGRES_SESSION_MEMORY"])
	fmt.Fprintf(&b, "\nHASURA_GRAPHQL_ADMIN_SECRET=%s\nHASURA_JWT_KEY=%s\nHASURA_GRAPHQL_ENABLE_CONSOLE=true\n", secret(24), secret(32))
	return path, writeNew(path, []byte(b.String()))
}

// secret returns n random bytes in hexadecimal digits, which need quoting nowhere.
func secret(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// writeNew writes a file of mode 0600, whole or not at all, and replaces none.
func writeNew(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".env.new-") // mode 0600
	if err != nil {
		return &fault.Error{Op: "write", Path: path, Err: err, Hint: "the directory must be writable, and its disk not full"}
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path) // fails where a file is
	}
	if err != nil {
		return &fault.Error{Op: "write", Path: path, Err: err, Hint: "the directory must be writable, and its disk not full"}
	}
	return nil
}
