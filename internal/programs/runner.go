package programs

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/vm"
)

// runnerVariable is the environment variable that chooses what runs the programs, for tests and for whoever looks for a
// fault: "native" or "wasmtime".
const runnerVariable = "EMBEDDEDPG_ENGINE"

// chooseRunner returns what the environment asks for; "": nothing.
func chooseRunner() (vm.Runner, error) {
	switch v := vm.Runner(os.Getenv(runnerVariable)); v {
	case "", vm.Native, vm.Wasmtime:
		return v, nil
	default:
		return "", &fault.Error{
			Op: "choose the engine", Err: fmt.Errorf("%s is %q", runnerVariable, v),
			Hint: fmt.Sprintf("set it to %s or %s, or unset it", vm.Native, vm.Wasmtime),
		}
	}
}

// tried reports whether native code has been run on this system. Where it has not, it runs if it is asked for.
const tried = runtime.GOOS != "darwin"

// DefaultRunner returns what runs a server of which nothing special is asked.
func DefaultRunner() (string, error) {
	choice, err := chooseRunner()
	if err != nil {
		return "", err
	}
	list, err := modules(Options{Server: true}, choice)
	if err != nil {
		return "", err
	}
	if list[0].native() {
		return string(vm.Native), nil
	}
	return string(vm.Wasmtime), nil
}

// module is one to be loaded.
type module struct {
	name    string
	code    vm.Code
	options vm.LoadOptions
	place   func(*Set) **vm.Module
}

// native reports whether the module will run as native code.
func (m *module) native() bool { return m.options.Runner != vm.Wasmtime && m.code.Native != nil }

// modules returns what Options ask for, the server first; checkSides has the last word about that one.
func modules(o Options, choice vm.Runner) ([]*module, error) {
	var list []*module
	add := func(from image.Module, place func(*Set) **vm.Module) error {
		packed, err := from.Native()
		if err != nil {
			return err
		}
		m := &module{name: from.Name, code: vm.Code{Hash: from.Hash, Wasm: from.Wasm}, options: vm.LoadOptions{Runner: choice}, place: place}
		if packed != nil && (tried || choice == vm.Native) {
			m.code.Native = &vm.NativeCode{ID: packed.ID(), Size: packed.Size(), Unpack: packed.Decode}
		}
		list = append(list, m)
		return nil
	}
	var err error
	if o.Server {
		err = errors.Join(err, add(image.Postgres, func(s *Set) **vm.Module { return &s.postgres }))
	}
	if o.Initdb {
		err = errors.Join(err, add(image.Initdb, func(s *Set) **vm.Module { return &s.initdb }))
	}
	if o.Tools {
		err = errors.Join(err, add(image.Tools, func(s *Set) **vm.Module { return &s.tools }))
	}
	if err != nil || !o.Server {
		return list, err
	}
	server := list[0]
	if own := o.Override; own != nil && own.hash != server.code.Hash {
		server.code = vm.Code{Hash: own.hash, Wasm: func() ([]byte, error) { return own.code, nil }}
	}
	server.options.SideModules = len(o.ExtensionDirs)+len(o.Extensions) > 0
	return list, nil
}

// noNative says what to do where native code was asked for and there is none.
func noNative(err error, m *module) error {
	if !errors.Is(err, vm.ErrNoNative) {
		return err
	}
	return &fault.Error{
		Op: "run " + m.name + " as native code", Err: vm.ErrNoNative,
		Hint: fmt.Sprintf("unset %s, or set it to %s", runnerVariable, vm.Wasmtime),
	}
}
