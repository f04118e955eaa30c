package wasm2llvm_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"nself.org/embeddedpg/wasm2llvm"
)

// suites are the folders of the specification's tests: version 2.0, and proposals.
var suites = []string{"v2", "threads", "exception-handling", "tail-call", "extended-const"}

// traps are the texts of the specification's tests, by their beginnings.
var traps = []struct {
	text string
	trap wasm2llvm.Trap
}{
	{"unreachable", wasm2llvm.TrapUnreachable},
	{"integer divide by zero", wasm2llvm.TrapDivideByZero},
	{"integer overflow", wasm2llvm.TrapIntegerOverflow},
	{"invalid conversion to integer", wasm2llvm.TrapInvalidConversion},
	{"out of bounds table access", wasm2llvm.TrapTableOutOfBounds},
	{"undefined", wasm2llvm.TrapTableOutOfBounds},
	{"uninitialized element", wasm2llvm.TrapIndirectNull},
	{"indirect call", wasm2llvm.TrapIndirectType},
	{"out of bounds memory access", wasm2llvm.TrapMemoryOutOfBounds},
	{"null exception reference", wasm2llvm.TrapNullReference},
	{"unaligned atomic", wasm2llvm.TrapUnaligned},
	{"call stack exhausted", wasm2llvm.TrapStackOverflow},
}

type action struct {
	Type, Field, Module string
	Args                []value
}

type command struct {
	Type, Filename, Name, As, Text string
	Line                           int
	ModuleType                     string `json:"module_type"`
	Action                         action
	Expected                       []value
}

// elsewhere are files that are not about translation, with the reason.
var elsewhere = map[string]string{
	"v2/linking": "instances that share memories and tables, which is the host's to arrange",
}

// loosened is how many checks of a file come out otherwise where LLVM may optimise: loads out of
// bounds whose result is not used, and signalling NaNs that pass through arithmetic. The package
// comment of wasm2llvm promises no more than that.
var loosened = map[string]int{
	"v2/address": 28, "v2/traps": 14, "v2/simd_address": 1, "v2/f32": 144, "v2/f64": 144, "v2/simd_f32x4": 80,
	"v2/simd_f64x2": 80, "v2/float_exprs": 26,
}

// tally counts what the specification's tests held.
type tally struct {
	sync.Mutex
	passed, refused, unlinked int
	features                  map[string]int
}

// The code is tested as LLVM may optimise it, and exactly as the specification wants it.
func TestSpecification(t *testing.T)      { specification(t, false) }
func TestSpecificationExact(t *testing.T) { specification(t, true) }

func specification(t *testing.T, exact bool) {
	c := tools(t)
	dir := os.Getenv("EMBEDDEDPG_SPECTEST")
	if dir == "" {
		t.Skip("needs the specification's tests: set EMBEDDEDPG_SPECTEST, or run tests/suites.sh translator")
	}
	count := &tally{features: map[string]int{}}
	t.Run("files", func(t *testing.T) {
		for _, suite := range suites {
			files, err := filepath.Glob(filepath.Join(dir, suite, "testdata", "*.json"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no tests in %s: %v", suite, err)
			}
			for _, file := range files {
				name := suite + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
				t.Run(name, func(t *testing.T) {
					if reason, ok := elsewhere[name]; ok {
						t.Skip(reason)
					}
					t.Parallel()
					s := &script{T: t, chain: c, file: file, name: name, tally: count, exact: exact, named: map[string]int{}}
					s.run()
				})
			}
		}
	})
	t.Logf("%d checks passed; %d not run, of modules that are refused: %v; %d of modules that share memories, tables or variables",
		count.passed, count.refused, count.features, count.unlinked)
	if count.passed < 50_000 {
		t.Errorf("only %d checks", count.passed)
	}
}

// script is one file of tests.
type script struct {
	*testing.T
	chain *chain
	file  string
	name  string // of the suite and the file
	tally *tally
	exact bool

	unit    *wasm2llvm.Unit
	modules int            // translated or refused so far
	last    int            // number of the module that actions without a name are for; -1: it was refused
	named   map[string]int // numbers by name
	types   map[int]*wasm2llvm.Module
	lines   []string
	checks  []check
}

// check is what the runner should answer to a line.
type check struct {
	line int
	text string
	want func(answer string) bool
}

func (s *script) run() {
	data, err := os.ReadFile(s.file)
	if err != nil {
		s.Fatal(err)
	}
	var doc struct{ Commands []command }
	if err := json.Unmarshal(data, &doc); err != nil {
		s.Fatal(err)
	}
	s.unit = s.chain.unit()
	s.types = map[int]*wasm2llvm.Module{}
	for _, c := range doc.Commands {
		s.command(c)
	}
	if len(s.lines) == 0 {
		return
	}
	so := s.chain.build(s.T, s.Name(), wasm2llvm.Options{Exact: s.exact}, s.unit)
	other := 0
	for i, answer := range s.chain.commands(s.T, so, s.lines) {
		k := s.checks[i]
		switch {
		case answer == "none" || answer == "link shared import":
			s.count(func(n *tally) { n.unlinked++ })
		case k.want(answer):
			s.count(func(n *tally) { n.passed++ })
		case !s.exact && loosened[s.name] > 0 && strings.HasPrefix(answer, "ok"):
			other++
		default:
			s.Errorf("line %d: %s: %s", k.line, k.text, answer)
		}
	}
	if want := loosened[s.name]; !s.exact && other != want {
		s.Errorf("%d checks come out otherwise than the specification says, where %d are known", other, want)
	}
}

func (s *script) count(f func(n *tally)) {
	s.tally.Lock()
	defer s.tally.Unlock()
	f(s.tally)
}

func (s *script) ask(c command, line string, want func(answer string) bool) {
	s.lines = append(s.lines, line)
	s.checks = append(s.checks, check{c.Line, c.Type + " " + c.Action.Field + c.Text, want})
}

func (s *script) command(c command) {
	switch c.Type {
	case "module":
		if s.module(c) {
			s.ask(c, fmt.Sprintf("new %d m%d.wasm_module", s.last, s.last), func(a string) bool { return a == "ok" })
		}
		if c.Name != "" {
			s.named[c.Name] = s.last
		}
	case "register":
		n := s.number(c.Name)
		s.ask(c, fmt.Sprintf("link %s %d", c.As, n), func(a string) bool { return a == "ok" })
	case "assert_invalid", "assert_malformed":
		if strings.HasSuffix(c.Filename, ".wasm") {
			s.rejected(c)
		}
	case "assert_uninstantiable":
		before := s.last
		if s.module(c) {
			s.ask(c, fmt.Sprintf("new %d m%d.wasm_module", s.last, s.last), s.trapped(c.Text))
		}
		s.last = before
	case "assert_unlinkable": // the host's to check
	case "action":
		s.act(c, func(a string) bool { return strings.HasPrefix(a, "ok") })
	case "assert_return":
		s.act(c, func(a string) bool { return s.returned(c.Expected, a) })
	case "assert_trap", "assert_exhaustion":
		s.act(c, s.trapped(c.Text))
	case "assert_exception":
		s.act(c, func(a string) bool { return a == "exception" })
	default:
		s.Fatalf("line %d: unknown command %s", c.Line, c.Type)
	}
}

// module translates a module into the unit; false: it is refused.
func (s *script) module(c command) bool {
	number := s.modules
	s.modules++
	wasm, err := os.ReadFile(filepath.Join(filepath.Dir(s.file), c.Filename))
	if err != nil {
		s.Fatal(err)
	}
	m, err := translate(s.unit, wasm, wasm2llvm.Options{Prefix: fmt.Sprintf("m%d.", number), Exact: s.exact, FirstTag: uint32(1 + 100*number)})
	s.last = number
	s.types[number] = m
	if err == nil {
		return true
	}
	s.last = -1
	var refused *wasm2llvm.UnsupportedError
	if !errors.As(err, &refused) {
		s.Errorf("line %d: %s: %v", c.Line, c.Filename, err)
		return false
	}
	s.count(func(n *tally) { n.features[refused.Feature]++ })
	return false
}

// translate puts a whole module into a unit. A unit with only a part of a module that turned out to
// be wrong would not compile, so it is tried in one of its own first.
func translate(u *wasm2llvm.Unit, wasm []byte, o wasm2llvm.Options) (*wasm2llvm.Module, error) {
	m, err := wasm2llvm.Parse(wasm)
	if err != nil {
		return nil, err
	}
	for _, to := range []*wasm2llvm.Unit{wasm2llvm.NewUnit(o), u} {
		for i := range m.Functions() {
			if err := to.Function(m, i, o); err != nil {
				return nil, err
			}
		}
		if err := to.Describe(m, o); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// rejected checks that a module that is wrong is not translated.
func (s *script) rejected(c command) {
	wasm, err := os.ReadFile(filepath.Join(filepath.Dir(s.file), c.Filename))
	if err != nil {
		s.Fatal(err)
	}
	if _, err = translate(wasm2llvm.NewUnit(wasm2llvm.Options{}), wasm, wasm2llvm.Options{}); err == nil {
		s.Errorf("line %d: %s is translated, but it is wrong: %s", c.Line, c.Filename, c.Text)
		return
	}
	s.count(func(n *tally) { n.passed++ })
}

func (s *script) number(name string) int {
	if name == "" {
		return s.last
	}
	n, ok := s.named[name]
	if !ok {
		return -1
	}
	return n
}

func (s *script) act(c command, want func(answer string) bool) {
	n := s.number(c.Action.Module)
	if n < 0 {
		s.count(func(n *tally) { n.refused++ })
		return
	}
	name := hex.EncodeToString([]byte(c.Action.Field))
	if name == "" {
		name = "-"
	}
	if c.Action.Type == "get" {
		s.ask(c, fmt.Sprintf("get %d %s", n, name), want)
		return
	}
	results := 0
	for _, e := range s.types[n].ExportedFunctions() {
		if e.Name == c.Action.Field {
			results = len(e.Type.Results)
		}
	}
	line := fmt.Sprintf("call %d %s %d", n, name, results)
	for _, a := range c.Action.Args {
		line += " " + a.encode(s.T)
	}
	s.ask(c, line, want)
}

func (s *script) returned(want []value, answer string) bool {
	got := strings.Fields(answer)
	if len(got) != len(want)+1 || got[0] != "ok" {
		return false
	}
	for i, v := range want {
		if !v.matches(s.T, got[i+1]) {
			return false
		}
	}
	return true
}

func (s *script) trapped(text string) func(answer string) bool {
	for _, k := range traps {
		if strings.HasPrefix(text, k.text) {
			return func(a string) bool { return a == fmt.Sprint("trap ", k.trap) }
		}
	}
	return func(string) bool { return false }
}
