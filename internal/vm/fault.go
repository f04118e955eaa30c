package vm

import "fmt"

// FaultKind says what ended an instance before its time.
type FaultKind int

const (
	FaultTrap          FaultKind = iota + 1 // the guest did something impossible: bad memory access, unreachable code
	FaultStackOverflow                      // the guest used up its native stack
	FaultException                          // the guest threw an exception that nothing caught
	FaultPanic                              // a method of the Host panicked
	FaultKilled                             // Module.Kill
)

// TrapCode is wasmtime's number for a trap, wasmtime_trap_code_t of <wasmtime/trap.h>.
type TrapCode int

// Fault is the error that Host.End gets when an instance did not end by itself.
type Fault struct {
	Kind    FaultKind
	Code    TrapCode // of a FaultTrap
	Message string   // wasmtime's text with the innermost guest frames; empty for a stack overflow
	Panic   any      // the value of a FaultPanic
	Stack   []byte   // the Go stack of a FaultPanic
}

// Error returns one line, or several if wasmtime's text has a backtrace.
func (f *Fault) Error() string {
	switch f.Kind {
	case FaultStackOverflow:
		return "stack overflow"
	case FaultException:
		return "uncaught exception: " + f.Message
	case FaultPanic:
		return fmt.Sprintf("panic in a host call: %v", f.Panic)
	case FaultKilled:
		return "killed"
	}
	return "trap: " + f.Message
}

// Unwrap returns the panic's value if it is an error.
func (f *Fault) Unwrap() error {
	err, _ := f.Panic.(error)
	return err
}
