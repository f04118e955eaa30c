package wasm2llvm

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Target is a kind of processor. The code differs in a few vector instructions only.
type Target string

// The targets.
const (
	AMD64 Target = "x86_64"
	ARM64 Target = "aarch64"
)

// Options say how a module is translated. The zero value is for a module on linux/amd64.
type Options struct {
	Target Target // default: AMD64
	Triple string // LLVM's name of the platform; default: Linux on Target

	// Prefix goes before the name of every symbol, so that several modules can be in one program.
	// Default: none.
	Prefix string

	// Exact forbids LLVM what the specification forbids; see the package comment.
	Exact bool

	// StackDepth is the import "module.name" whose calls become code that returns the bytes of
	// stack in use, without a call: a function of no parameters that returns an i32. Default: none.
	StackDepth string

	// Image puts the bytes of active data segments together as they lie in memory, for a host that
	// maps them; see wasm_module.image in internal/vm/wasm2llvm.h. Their places must be constants.
	Image bool

	// Exports says which exported functions a host can call and other modules can import. Default:
	// all.
	Exports func(name string) bool

	// Symbols has Describe list all exports for side modules to link to; a side module's own are
	// always listed.
	Symbols bool

	// Counters has the code count how often its parts run, for a Profile. ProfileData is a profile to
	// compile by, a file of llvm-profdata; "": none. Both concern Flags only.
	Counters    bool
	ProfileData string

	// FirstTag is the number of the module's first own tag, at least 1. Modules that throw
	// exceptions to each other need numbers that do not overlap. Default: 1.
	FirstTag uint32
}

// Flags returns the arguments with which LLVM's opt and llc compile a unit; the code is tested with
// these. The passes make locals into registers and remove what translation writes twice; more of
// them gain little, as the compiler that made the WebAssembly has run them. By a profile functions
// are also put into their callers, where they are called often.
//
// Counters are for the code as it is translated, before any other pass, so that a profile serves
// every target.
func Flags(o Options) (opt, llc []string) {
	const (
		simplify = "sroa,early-cse,simplifycfg,instcombine<no-verify-fixpoint>,simplifycfg,early-cse"
		reach    = "function(unreachableblockelim),"
	)
	passes, level := "function("+simplify+")", "-O2"
	switch {
	case o.Counters:
		passes, level = reach+"pgo-instr-gen,instrprof,"+passes, "-O1"
	case o.ProfileData != "":
		passes = reach + "pgo-instr-use," + passes + ",cgscc(inline),function(" + simplify + ")"
		opt = append(opt, "-pgo-test-profile-file="+o.ProfileData)
	}
	if o.Counters || o.ProfileData != "" {
		opt = append(opt, "-disable-vp=true") // values need functions of a runtime
	}
	cpu := []string{"-mcpu=x86-64-v2"}
	if o.Target == ARM64 {
		cpu = []string{"-mcpu=generic", "-mattr=+reserve-x18"} // x18 is the system's on macOS
	}
	opt = append(append(opt, cpu...), "-passes="+passes)
	llc = append(cpu, level, "-relocation-model=pic")
	if o.Exact && o.Target != ARM64 {
		// LLVM 22 makes a branch of a cmov whose operand it loads, volatile or not: a load that is not
		// selected would not trap.
		llc = append(llc, "-x86-cmov-converter=false")
	}
	return opt, llc
}

// Unit is an LLVM module in the making. Functions of several modules may be put into it, with
// prefixes that differ. It is for one goroutine.
type Unit struct {
	target   Target
	triple   string
	body     bytes.Buffer
	declared map[string]string // what functions refer to: the declaration of each symbol
	defined  map[string]bool
}

// NewUnit returns a unit for options' target.
func NewUnit(o Options) *Unit {
	u := &Unit{target: o.Target, triple: o.Triple, declared: map[string]string{}, defined: map[string]bool{}}
	if u.target == "" {
		u.target = AMD64
	}
	if u.triple == "" {
		u.triple = string(u.target) + "-unknown-linux-gnu"
	}
	return u
}

// WriteTo writes the LLVM module.
func (u *Unit) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "target triple = %q\n", u.triple)
	b.Write(u.body.Bytes())
	var names []string
	for name := range u.declared {
		if !u.defined[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteString(u.declared[name] + "\n")
	}
	b.WriteString(u.footer())
	return b.WriteTo(w)
}

// footer has the functions' attributes, and the metadata that instructions name: three kinds of
// memory that do not overlap, the guest's, the instance's state and the tables; and branches that
// are hardly ever taken.
func (u *Unit) footer() string {
	stack, register := ` "probe-stack"="inline-asm"`, "rsp"
	if u.target == ARM64 {
		register = "sp"
	}
	return strings.NewReplacer("STACK", stack, "REGISTER", register).Replace(`
attributes #0 = { nounwind uwtable "no-builtins"STACK "frame-pointer"="none" }
attributes #1 = { uwtable "no-builtins"STACK "frame-pointer"="none" }
attributes #2 = { cold noreturn nounwind }
!0 = !{!"wasm"}
!1 = !{!4, !4, i64 0}
!2 = !{!5, !5, i64 0}
!3 = !{!6, !6, i64 0}
!4 = !{!"memory", !0, i64 0}
!5 = !{!"state", !0, i64 0}
!6 = !{!"table", !0, i64 0}
!7 = !{!"branch_weights", i32 1, i32 1048576}
!8 = !{!"REGISTER"}
!llvm.module.flags = !{!9, !10}
!11 = !{!"branch_weights", i32 1048576, i32 1}
!9 = !{i32 8, !"PIC Level", i32 2}
!10 = !{i32 7, !"uwtable", i32 2}
!12 = !{}
`)
}

// What instructions append.
const (
	inMemory = ", !tbaa !1"
	inState  = ", !tbaa !2"
	inTable  = ", !tbaa !3"
	unlikely = ", !prof !7"
)

// translation is a module, its options, and the unit that it goes to.
type translation struct {
	*Module
	Options
	unit *Unit
}

func (u *Unit) translate(m *Module, o Options) *translation {
	if o.FirstTag == 0 {
		o.FirstTag = 1
	}
	if o.Exports == nil {
		o.Exports = func(string) bool { return true }
	}
	if m.side { // its data is put where the program says
		o.Image = false
	}
	return &translation{m, o, u}
}

// declare notes that a symbol is used and returns it.
func (u *Unit) declare(symbol, format string, args ...any) string {
	if _, ok := u.declared[symbol]; !ok {
		u.declared[symbol] = fmt.Sprintf(format, args...)
	}
	return symbol
}

// quote returns a symbol's name in LLVM IR.
func quote(name string) string {
	var b strings.Builder
	b.WriteString(`@"`)
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, "\\%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// name returns the symbol of something of this module.
func (t *translation) name(format string, args ...any) string {
	return quote(t.Prefix + fmt.Sprintf(format, args...))
}

// function returns the symbol of a guest's function and declares it. An imported one is a wrapper,
// which Describe defines.
func (t *translation) function(i uint32) string {
	ft := t.funcType(i)
	name := quote(t.Prefix + t.symbol(i))
	return t.unit.declare(name, "declare hidden %s %s(%s)", t.result(ft), name, t.params(ft))
}

// runtime returns the symbol of a function of the C runtime and declares it.
func (t *translation) runtime(name, result, params string) string {
	return t.unit.declare("@"+name, "declare hidden %s @%s(%s)", result, name, params)
}

// intrinsic returns the symbol of a function of LLVM and declares it.
func (t *translation) intrinsic(name, result, params string) string {
	return t.unit.declare("@"+name, "declare %s @%s(%s)", result, name, params)
}
