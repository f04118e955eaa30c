//go:build cgo

package wasm2llvm_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/bytecodealliance/wasmtime-go/v44"

	"nself.org/embeddedpg/tests/wasm2llvm/oracle"
	"nself.org/embeddedpg/wasm2llvm"
)

var (
	modules = flag.Int("modules", 200, "random modules that TestDifferential runs of each kind")
	seed    = flag.Uint64("seed", 1, "of the first random module")
	keep    = flag.String("keep", "", "folder for the modules that differ")
)

// Modules are compiled together, this many at a time.
const batch = 50

// What is called of each module: every export, in so many instances, so many times.
const (
	instancesEach = 8
	callsEach     = 4
)

// TestDifferential makes random modules and compares what their functions return, how they trap,
// and what they leave in memory and globals, with wasmtime. The exact kind also accesses memory out
// of bounds.
func TestDifferential(t *testing.T) {
	c := tools(t)
	engine := oracle.Engine()
	for _, exact := range []bool{false, true} {
		t.Run(map[bool]string{false: "optimised", true: "exact"}[exact], func(t *testing.T) {
			d := &differential{T: t, chain: c, engine: engine, exact: exact, ends: map[string]int{}}
			for first := 0; first < *modules; first += batch {
				d.batch(*seed+uint64(first), min(batch, *modules-first))
			}
			t.Logf("%d calls of %d modules: %v", d.calls, *modules, d.ends)
			if *modules >= batch && d.ends["ok"] < d.calls/4 {
				t.Error("too few calls return for this to be a test")
			}
		})
	}
}

type differential struct {
	*testing.T
	chain  *chain
	engine *wasmtime.Engine
	exact  bool
	calls  int
	ends   map[string]int // how calls ended

	lines []string
	want  []expectation
}

type expectation struct {
	seed   uint64
	what   string
	answer string              // "": not compared
	types  []wasm2llvm.ValType // of the values; only their own bytes are compared
}

// trimmed returns the runner's answer with each value cut to its type.
func (e expectation) trimmed(answer string) string {
	words := strings.Fields(answer)
	if len(words) != 1+len(e.types) || words[0] != "ok" {
		return answer
	}
	for i, t := range e.types {
		if t == i32 || t == f32 {
			words[1+i] = strings.Repeat("0", 24) + words[1+i][24:]
		}
	}
	return strings.Join(words, " ")
}

func (d *differential) batch(first uint64, n int) {
	unit := d.chain.unit()
	d.lines, d.want = nil, nil
	wasm := map[uint64][]byte{}
	for k := range uint64(n) {
		g := newGenerator(first+k, d.exact)
		wasm[first+k] = g.module()
		m, err := translate(unit, wasm[first+k], wasm2llvm.Options{Prefix: fmt.Sprintf("m%d.", k), Exact: d.exact})
		if err != nil {
			d.keep(first+k, wasm[first+k])
			d.Fatalf("seed %d: %v", first+k, err)
		}
		d.module(g, first+k, fmt.Sprintf("m%d.wasm_module", k), m, wasm[first+k])
	}
	so := d.chain.build(d.T, fmt.Sprint("batch", d.exact, first), wasm2llvm.Options{Exact: d.exact}, unit)
	failed := map[uint64]bool{}
	for i, answer := range d.chain.commands(d.T, so, d.lines) {
		w := d.want[i]
		answer = w.trimmed(answer)
		if w.answer != "" && answer != w.answer && !failed[w.seed] {
			failed[w.seed] = true
			d.keep(w.seed, wasm[w.seed])
			d.Errorf("seed %d: %s: %s; wasmtime: %s", w.seed, w.what, answer, w.answer)
		}
	}
}

func (d *differential) keep(seed uint64, wasm []byte) {
	if *keep != "" {
		if err := os.WriteFile(fmt.Sprintf("%s/seed%d-%t.wasm", *keep, seed, d.exact), wasm, 0o644); err != nil {
			d.Error(err)
		}
	}
}

// module runs a module's exports in wasmtime, and writes the commands that should have the same
// answers.
func (d *differential) module(g *generator, seed uint64, symbol string, m *wasm2llvm.Module, wasm []byte) {
	module, err := wasmtime.NewModule(d.engine, wasm)
	if err != nil {
		d.keep(seed, wasm)
		d.Fatalf("seed %d: wasmtime: %v", seed, err)
	}
	for range instancesEach {
		store := wasmtime.NewStore(d.engine)
		instance, err := wasmtime.NewInstance(store, module, nil)
		if err != nil {
			d.Fatalf("seed %d: wasmtime: %v", seed, err)
		}
		d.ask(seed, "instance", "new 0 "+symbol, "ok")
		for range callsEach {
			if !d.call(g, seed, m, store, instance) {
				break
			}
		}
		store.Close()
	}
}

func (d *differential) ask(seed uint64, what, line, answer string, types ...wasm2llvm.ValType) {
	d.lines = append(d.lines, line)
	d.want = append(d.want, expectation{seed, what, answer, types})
}

// call calls one export; false: the instance ends with it.
func (d *differential) call(g *generator, seed uint64, m *wasm2llvm.Module, store *wasmtime.Store, instance *wasmtime.Instance) bool {
	d.calls++
	exports := m.ExportedFunctions()
	e := exports[g.r.IntN(len(exports))]
	line := fmt.Sprintf("call 0 %s %d", hex.EncodeToString([]byte(e.Name)), len(e.Type.Results))
	var args []any
	for _, t := range e.Type.Params {
		v := g.value(byte(t))
		args = append(args, goValue(byte(t), v))
		line += fmt.Sprintf(" %032x", v)
	}
	result, err := instance.GetFunc(store, e.Name).Call(store, args...)
	answer, end := "ok", "ok"
	if err != nil {
		answer, end = d.ended(err)
	} else {
		for _, v := range results(result) {
			answer += " " + v
		}
	}
	d.ends[end]++
	if end == "trap 11" { // how deep a stack goes is not the specification's
		answer = ""
	}
	d.ask(seed, line, line, answer, e.Type.Results...)
	if answer != "" && (d.exact || err == nil) {
		d.state(g, seed, line, store, instance)
	}
	return err == nil
}

// state compares the memory and the globals.
func (d *differential) state(g *generator, seed uint64, line string, store *wasmtime.Store, instance *wasmtime.Instance) {
	memory := instance.GetExport(store, "m").Memory().UnsafeData(store)
	d.ask(seed, "memory after "+line, "sum 0", fmt.Sprintf("ok %016x", hash(memory)))
	for i := range 5 {
		name := fmt.Sprint("g", i)
		v := instance.GetExport(store, name).Global().Get(store)
		d.ask(seed, name+" after "+line, "get 0 "+hex.EncodeToString([]byte(name)), "ok "+bits(v), wasm2llvm.ValType(g.globals[i]))
	}
}

// codes are wasmtime's traps in the order of its codes.
var codes = map[wasmtime.TrapCode]wasm2llvm.Trap{
	wasmtime.StackOverflow: wasm2llvm.TrapStackOverflow, wasmtime.MemoryOutOfBounds: wasm2llvm.TrapMemoryOutOfBounds,
	wasmtime.HeapMisaligned: wasm2llvm.TrapUnaligned, wasmtime.TableOutOfBounds: wasm2llvm.TrapTableOutOfBounds,
	wasmtime.IndirectCallToNull: wasm2llvm.TrapIndirectNull, wasmtime.BadSignature: wasm2llvm.TrapIndirectType,
	wasmtime.IntegerOverflow: wasm2llvm.TrapIntegerOverflow, wasmtime.IntegerDivisionByZero: wasm2llvm.TrapDivideByZero,
	wasmtime.BadConversionToInteger: wasm2llvm.TrapInvalidConversion, wasmtime.UnreachableCodeReached: wasm2llvm.TrapUnreachable,
}

// ended returns the answer that is like wasmtime's error. An exception that nobody caught is a trap
// without a code there.
func (d *differential) ended(err error) (answer, end string) {
	var trap *wasmtime.Trap
	if !errors.As(err, &trap) {
		d.Fatalf("wasmtime: %v", err)
	}
	code := trap.Code()
	if code == nil { // an exception
		return "exception", "exception"
	}
	known, ok := codes[*code]
	if !ok {
		d.Fatalf("wasmtime's trap %d: %v", *code, err)
	}
	s := fmt.Sprint("trap ", known)
	return s, s
}

func goValue(t byte, v uint64) any {
	switch t {
	case i32:
		return int32(v)
	case i64:
		return int64(v)
	case f32:
		return math.Float32frombits(uint32(v))
	}
	return math.Float64frombits(v)
}

// results returns what Func.Call returned as the runner prints it.
func results(v any) []string {
	var out []string
	switch v := v.(type) {
	case []wasmtime.Val:
		for _, x := range v {
			out = append(out, bits(x))
		}
	case int32:
		out = append(out, fmt.Sprintf("%032x", uint32(v)))
	case int64:
		out = append(out, fmt.Sprintf("%032x", uint64(v)))
	case float32:
		out = append(out, fmt.Sprintf("%032x", math.Float32bits(v)))
	case float64:
		out = append(out, fmt.Sprintf("%032x", math.Float64bits(v)))
	}
	return out
}

func bits(v wasmtime.Val) string {
	switch v.Kind() {
	case wasmtime.KindI32:
		return fmt.Sprintf("%032x", uint32(v.I32()))
	case wasmtime.KindI64:
		return fmt.Sprintf("%032x", uint64(v.I64()))
	case wasmtime.KindF32:
		return fmt.Sprintf("%032x", math.Float32bits(v.F32()))
	}
	return fmt.Sprintf("%032x", math.Float64bits(v.F64()))
}

// hash is the runner's, of a length that is a multiple of 8.
func hash(b []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * 0x100000001b3
		h ^= h >> 29
	}
	return h
}
