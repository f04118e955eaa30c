package wasm2llvm

import "fmt"

// An UnsupportedError says that a module uses something this package does not translate.
type UnsupportedError struct {
	Feature string // in the specification's words, e.g. "return_call"
}

func (e *UnsupportedError) Error() string { return "wasm2llvm: " + e.Feature + " is not supported" }

// An InvalidError says that a module is malformed or breaks a rule of validation.
type InvalidError struct {
	Where string // a section, or a function by its index
	Rule  string
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("wasm2llvm: invalid module: %s: %s", e.Where, e.Rule)
}

// Reading and checking stop at the first error: the readers panic with one of these, and catch
// returns it from the package's exported functions.

func unsupported(format string, args ...any) {
	panic(&UnsupportedError{Feature: fmt.Sprintf(format, args...)})
}

func invalid(format string, args ...any) {
	panic(&InvalidError{Rule: fmt.Sprintf(format, args...)})
}

func check(ok bool, format string, args ...any) {
	if !ok {
		invalid(format, args...)
	}
}

// catch turns a panic of the functions above into *err; where tells what was being read.
func catch(err *error, where func() string) {
	switch e := recover().(type) {
	case nil:
	case *UnsupportedError:
		*err = e
	case *InvalidError:
		if e.Where == "" {
			e.Where = where()
		}
		*err = e
	default:
		panic(e)
	}
}
