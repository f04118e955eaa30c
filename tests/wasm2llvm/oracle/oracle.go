// Package oracle makes a wasmtime engine that runs what wasm2llvm translates, exceptions
// included, for the tests that compare the two. wasmtime's Go package cannot switch exceptions on;
// its C library can.
package oracle

// void wasmtime_config_wasm_exceptions_set(void *, _Bool);
import "C"

import (
	"unsafe"

	"github.com/bytecodealliance/wasmtime-go/v44"
)

// Engine returns a new engine.
func Engine() *wasmtime.Engine {
	config := wasmtime.NewConfig()
	C.wasmtime_config_wasm_exceptions_set(*(*unsafe.Pointer)(unsafe.Pointer(config)), true) // a Config is the pointer
	return wasmtime.NewEngineWithConfig(config)
}
