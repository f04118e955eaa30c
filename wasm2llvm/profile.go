package wasm2llvm

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Profile says how often the parts of a module's functions ran, as LLVM counts them (pass
// pgo-instr-gen) in the code that a Unit has before any other pass.
type Profile struct {
	Module    string // SHA-256 of the module that ran, in hexadecimal
	Functions []FunctionProfile
}

// FunctionProfile is one function's, in the order of Unit.Function's numbers.
type FunctionProfile struct {
	Key      string // Module.Keys
	Hash     uint64 // LLVM's, of the control flow; 0: nothing is known
	Counters []uint64
}

// Key returns a name that the function has in other builds of the same program too: that by which
// it is exported, or else a hash of its code without constants and the names of what is not
// exported. Small functions may have the same one.
func (m *Module) Key(i int, o Options) (string, error) {
	if n := m.names[uint32(i+m.importedFuncs)]; n != "" {
		return strings.Map(symbolByte, n), nil
	}
	u := NewUnit(o)
	if err := u.Function(m, i, o); err != nil {
		return "", err
	}
	sum := sha256.Sum256(withoutNumbers(u.body.Bytes()))
	return fmt.Sprintf("#%x", sum[:6]), nil
}

// withoutNumbers leaves numbers out of LLVM IR, where they are no part of a type or temporary, and
// the part of a function's symbol that is its index.
func withoutNumbers(b []byte) []byte {
	out := b[:0:0]
	for i := 0; i < len(b); i++ {
		out = append(out, b[i])
		if c := b[i]; c == ' ' || c == '-' || i > 1 && c == 'f' && b[i-1] == '"' && b[i-2] == '@' {
			for i+1 < len(b) && b[i+1] >= '0' && b[i+1] <= '9' {
				i++
			}
		}
	}
	return out
}

// ReadProfile reads what Profile.WriteTo wrote.
func ReadProfile(r io.Reader) (*Profile, error) {
	p := &Profile{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 2 {
			return nil, fmt.Errorf("profile: no key and hash in line %q", lines.Text())
		}
		if p.Module == "" {
			p.Module = f[1]
			continue
		}
		hash, err := strconv.ParseUint(f[1], 16, 64)
		if err != nil {
			return nil, fmt.Errorf("profile: %s: %w", f[0], err)
		}
		one := FunctionProfile{Key: f[0], Hash: hash}
		for _, c := range f[2:] {
			value, times, many := strings.Cut(c, "*")
			v, err := strconv.ParseUint(value, 10, 64)
			n := uint64(1)
			if err == nil && many {
				n, err = strconv.ParseUint(times, 10, 20)
			}
			if err != nil {
				return nil, fmt.Errorf("profile: %s: %w", f[0], err)
			}
			for range n {
				one.Counters = append(one.Counters, v)
			}
		}
		p.Functions = append(p.Functions, one)
	}
	return p, lines.Err()
}

// WriteTo writes the profile as text: a line with the module's hash, and one a function with its
// key, LLVM's hash in hexadecimal and the counters; 0*12 stands for twelve zeros.
func (p *Profile) WriteTo(w io.Writer) (int64, error) {
	b := bufio.NewWriter(w)
	total, _ := fmt.Fprintf(b, "module %s\n", p.Module)
	for _, f := range p.Functions {
		n, _ := fmt.Fprintf(b, "%s %x", f.Key, f.Hash)
		total += n
		for i := 0; i < len(f.Counters); {
			k := i + 1
			for k < len(f.Counters) && f.Counters[k] == f.Counters[i] {
				k++
			}
			if k > i+1 {
				n, _ = fmt.Fprintf(b, " %d*%d", f.Counters[i], k-i)
			} else {
				n, _ = fmt.Fprintf(b, " %d", f.Counters[i])
			}
			total, i = total+n, k
		}
		n, _ = fmt.Fprintln(b)
		total += n
	}
	return int64(total), b.Flush()
}

// WriteLLVM writes the profile as the text from which llvm-profdata makes one for the pass
// pgo-instr-use, and returns how many of the module's functions have one. sha256 is the module's
// own; functions of another build than the profile's are found by their keys, and LLVM leaves out
// what has another control flow by now.
func (p *Profile) WriteLLVM(w io.Writer, m *Module, sha256 string, o Options) (found int, err error) {
	of := func(i int) *FunctionProfile { return &p.Functions[i] }
	if sha256 != p.Module || len(p.Functions) != m.Functions() {
		if of, err = p.byKey(m, o); err != nil {
			return 0, err
		}
	}
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, ":ir")
	for i := range m.Functions() {
		f := of(i)
		if f == nil || f.Hash == 0 {
			continue
		}
		found++
		fmt.Fprintf(b, "%s\n%d\n%d\n", o.Prefix+m.Symbol(i), f.Hash, len(f.Counters))
		for _, c := range f.Counters {
			fmt.Fprintln(b, c)
		}
		fmt.Fprintln(b)
	}
	return found, b.Flush()
}

// byKey finds functions by key; of several with the same one, by their order.
func (p *Profile) byKey(m *Module, o Options) (func(int) *FunctionProfile, error) {
	known := map[string][]*FunctionProfile{}
	for i := range p.Functions {
		f := &p.Functions[i]
		known[f.Key] = append(known[f.Key], f)
	}
	found := make([]*FunctionProfile, m.Functions())
	for i := range found {
		key, err := m.Key(i, o)
		if err != nil {
			return nil, err
		}
		if of := known[key]; len(of) > 0 {
			found[i], known[key] = of[0], of[1:]
		}
	}
	return func(i int) *FunctionProfile { return found[i] }, nil
}
