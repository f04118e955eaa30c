package programs

import (
	"errors"
	"fmt"
	"log/slog"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/vm"
)

// maxNamedSides bounds how many modules a message names.
const maxNamedSides = 5

// checkSides has wasmtime run a server whose extension directories have modules that native code cannot load, and says
// what that costs; where native code is asked for, that is an error.
func (m *module) checkSides(o Options, choice vm.Runner, log *slog.Logger) error {
	if !m.native() {
		return nil
	}
	bad := vm.CheckSides(o.ExtensionDirs)
	for _, files := range o.Extensions {
		if known, ok := files.(interface{ HasNativeCode() bool }); !ok || !known.HasNativeCode() {
			bad = append(bad, vm.CheckSideFiles(files)...)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	if n := len(bad) - maxNamedSides; n > 0 {
		bad = append(bad[:maxNamedSides:maxNamedSides], fmt.Errorf("and %d more", n))
	}
	const hint = "build the modules with wasm/extension.sh of this version, into a directory that only you can write to"
	if choice == vm.Native {
		return &fault.Error{Op: "load extensions as native code", Err: errors.Join(bad...), Hint: hint + fmt.Sprintf("; or unset %s", runnerVariable)}
	}
	m.options.Runner = vm.Wasmtime
	log.Warn("wasmtime runs the server, as it has extension modules that native code cannot load: "+
		"queries take about 1.6 times as long, and the first start compiles", "modules", errors.Join(bad...), "hint", hint)
	return nil
}
