package programs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/image"
)

// ServerModule is a module to run in place of the embedded server.
type ServerModule struct {
	code []byte
	hash string // SHA-256, hexadecimal
}

// OpModule is the Op of errors about an override.
const OpModule = "use the engine module"

// overrideHint is what to do about an override that cannot be used.
const overrideHint = "leave Config.ServerModule empty: PostgreSQL " + image.Version + " is built in; an override is a postgres.wasm made by this project's `make wasm`"

// ReadServerModule reads a module from a file, and checks that it asks for nothing but what the embedded
// server asks of the kernel, with the same types. Errors are *fault.Error.
func ReadServerModule(path string) (*ServerModule, error) {
	code, err := os.ReadFile(path)
	if err == nil {
		err = checkServer(code)
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	if err != nil {
		return nil, &fault.Error{Op: OpModule, Path: path, Err: err, Hint: overrideHint}
	}
	sum := sha256.Sum256(code)
	return &ServerModule{code, hex.EncodeToString(sum[:])}, nil
}

// checkServer compares the module's imports and exports with the embedded server's.
func checkServer(code []byte) error {
	theirs, err := readInterface(code)
	if err != nil {
		return err
	}
	ours, err := readInterface(image.Postgres())
	if err != nil {
		return err
	}
	if theirs.emscripten() {
		return errors.New("it was made with Emscripten, as PGlite's modules are: it needs JavaScript around it and has one session")
	}
	for name, kind := range theirs.imports {
		if own, ok := ours.imports[name]; !ok {
			return fmt.Errorf("it imports %s, which this engine does not have", name)
		} else if own != kind {
			return fmt.Errorf("it imports %s as %s, and this engine has it as %s", name, kind, own)
		}
	}
	for _, name := range []string{"memory", "_start"} {
		if !slices.Contains(theirs.exports, name) {
			return fmt.Errorf("it does not export %s", name)
		}
	}
	return nil
}

// emscripten reports whether Emscripten made the module: by the names it imports for its JavaScript.
func (m moduleInterface) emscripten() bool {
	if slices.Contains(m.custom, "dylink.0") {
		return true
	}
	for name := range m.imports {
		module, field, _ := strings.Cut(name, ".")
		if module == "GOT" || strings.HasPrefix(field, "invoke_") || strings.Contains(field, "emscripten") || strings.HasPrefix(field, "__syscall_") {
			return true
		}
	}
	return false
}
