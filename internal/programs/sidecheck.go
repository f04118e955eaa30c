package programs

import (
	"errors"
	"fmt"
	"strings"

	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/wasmfile"
)

// maxUndefined bounds how many symbols a message names.
const maxUndefined = 5

// CheckSide says why the embedded server could not load a file as a side module, as far as names tell: loading checks types
// too.
func CheckSide(code []byte) error {
	module, err := wasmfile.Parse(code)
	switch {
	case errors.Is(err, wasmfile.ErrNotWasm):
		return err
	case err != nil:
		return fmt.Errorf("it is damaged or cut short: %w", err)
	case module.Dylink == nil:
		return errors.New("it is WebAssembly, but no side module")
	case len(module.Dylink.Needed) > 0:
		return fmt.Errorf("it needs other libraries (%s), which must be linked into it", strings.Join(module.Dylink.Needed, ", "))
	}
	embedded, err := image.Postgres.Wasm()
	if err != nil {
		return err
	}
	server, err := wasmfile.Parse(embedded)
	if err != nil {
		return err
	}
	var undefined []string
	for _, i := range module.Imports {
		_, ok := server.Exports[i.Name]
		if !ok && i.Name != "__memory_base" && i.Name != "__table_base" {
			undefined = append(undefined, i.Name)
		}
	}
	if n := len(undefined); n > maxUndefined {
		undefined = append(undefined[:maxUndefined:maxUndefined], fmt.Sprintf("and %d more", n-maxUndefined))
	}
	if undefined != nil {
		return fmt.Errorf("it was built for another server, or misses a library: this one has no %s", strings.Join(undefined, ", "))
	}
	return nil
}
