// Package image holds what wasm/ builds: PostgreSQL as one module, initdb as another, the other client programs as
// a third, and the read-only files they expect under /pgsql. It owns no behaviour; internal/vm runs the modules and
// internal/vfs serves the files.
package image

import (
	"archive/zip"
	"bytes"
	_ "embed" // the files below
	"fmt"
	"io/fs"
)

//go:embed postgres.wasm
var postgres []byte

//go:embed initdb.wasm
var initdb []byte

//go:embed pgtools.wasm
var tools []byte

//go:embed share.zip
var share []byte

//go:embed cluster.zst
var cluster []byte

//go:embed LICENSES.txt
var licenses string

// Postgres returns the server's module. The caller must not change it.
func Postgres() []byte { return postgres }

// Initdb returns the module of initdb. The caller must not change it.
func Initdb() []byte { return initdb }

// Tools returns the module of the other client programs, which picks one by the last element of argv[0] (see Programs).
// The caller must not change it.
func Tools() []byte { return tools }

// Cluster returns a new cluster for cluster.OpenSeed. The caller must not change it.
func Cluster() []byte { return cluster }

// Licenses returns the notices of everything linked into the modules.
func Licenses() string { return licenses }

// FS returns the guest's files, below the one folder "pgsql": share as PostgreSQL installs it, and in lib and bin an
// empty file for each of Modules and programs, because PostgreSQL looks for those before it loads or starts one.
// It is safe for concurrent use; files are decompressed as they are read.
func FS() (fs.FS, error) {
	r, err := zip.NewReader(bytes.NewReader(share), int64(len(share)))
	if err != nil {
		return nil, fmt.Errorf("read the share archive: %w", err)
	}
	return r, nil
}
