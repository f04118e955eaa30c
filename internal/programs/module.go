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
	"nself.org/embeddedpg/internal/wasmfile"
)

// ServerModule is a module to run in place of the embedded server.
type ServerModule struct {
	code []byte
	hash string // SHA-256, hexadecimal
}

// OpModule is the Op of errors about an override.
const OpModule = "use the server module"

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
	theirs, err := wasmfile.Parse(code)
	if err != nil {
		return errModule
	}
	embedded, err := image.Postgres.Wasm()
	if err != nil {
		return err
	}
	ours, err := wasmfile.Parse(embedded)
	if err != nil {
		return err
	}
	if emscripten(theirs) {
		return errors.New("it was made with Emscripten, as PGlite's modules are: it needs JavaScript around it and has one session")
	}
	own := map[string]wasmfile.Import{}
	for _, i := range ours.Imports {
		own[i.Module+"."+i.Name] = i
	}
	for _, i := range theirs.Imports {
		name := i.Module + "." + i.Name
		if o, ok := own[name]; !ok {
			return fmt.Errorf("it imports %s, which the kernel does not have", name)
		} else if o != i {
			return fmt.Errorf("it imports %s as %s, and the kernel has it as %s", name, describe(i), describe(o))
		}
	}
	for _, name := range []string{"memory", "_start"} {
		if _, ok := theirs.Exports[name]; !ok {
			return fmt.Errorf("it does not export %s", name)
		}
	}
	return nil
}

var errModule = errors.New("it is not a WebAssembly module, or a damaged one")

// describe says what an import is, with the bytes of a function's type.
func describe(i wasmfile.Import) string {
	switch i.Kind {
	case wasmfile.Func, wasmfile.Tag:
		return fmt.Sprintf("%v %x", i.Kind, i.Type)
	}
	return i.Kind.String()
}

// emscripten reports whether Emscripten made the module: by the names it imports for its JavaScript.
func emscripten(f *wasmfile.File) bool {
	return f.Dylink != nil || slices.ContainsFunc(f.Imports, func(i wasmfile.Import) bool {
		return strings.HasPrefix(i.Module, "GOT.") || strings.HasPrefix(i.Name, "invoke_") ||
			strings.Contains(i.Name, "emscripten") || strings.HasPrefix(i.Name, "__syscall_")
	})
}
