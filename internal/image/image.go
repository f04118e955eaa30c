// Package image holds what wasm/ builds: PostgreSQL as one module, initdb as another, the other client programs as
// a third, each also as native code for this processor, and the read-only files they expect under /pgsql. It owns
// how these are compressed, and no other behaviour; internal/vm runs the modules and internal/vfs serves the files.
package image

import (
	"archive/zip"
	"bytes"
	"embed"
	"fmt"
	"io/fs"
)

//go:embed *.wasm*
var modules embed.FS

//go:embed share.zip
var share []byte

//go:embed cluster.zst
var cluster []byte

//go:embed LICENSES.txt
var licenses string

// Module is a WebAssembly module, and native code made of it.
type Module struct {
	Name string
	Hash string // SHA-256 of the WebAssembly, hexadecimal
}

// The modules: the server; initdb; the other client programs, of which this one picks one by the last element of argv[0]
// (see Programs).
var (
	Postgres = Module{"postgres", PostgresSHA256}
	Initdb   = Module{"initdb", InitdbSHA256}
	Tools    = Module{"pgtools", ToolsSHA256}
)

// Wasm returns the WebAssembly, each time anew: where native code runs nobody needs it.
func (m Module) Wasm() ([]byte, error) {
	name := m.Name + ".wasm"
	if b, err := modules.ReadFile(name); err == nil { // not compressed yet
		return b, nil
	}
	c, err := open(modules, name+".zst")
	if err != nil {
		return nil, err
	}
	b := make([]byte, c.Size())
	return b, c.Decode(b)
}

// Native returns the module's native code for this processor, and nil if the program holds none.
func (m Module) Native() (*Compressed, error) {
	name := nativeDir + "/" + m.Name + ".zst"
	if _, err := fs.Stat(native, name); err != nil {
		return nil, nil //nolint:nilerr // that is how it is found out
	}
	return open(native, name)
}

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
