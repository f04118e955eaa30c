package wasm2llvm_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"nself.org/embeddedpg/wasm2llvm"
)

// twoFunctions is a module whose first function is exported as "one"; first and second are their
// code.
func twoFunctions(first, second string) []byte {
	size := func(s string) string { return string(rune(len(s))) }
	a, b := "\x00"+first+"\x0b", "\x00"+second+"\x0b"
	return module(numberType, "\x03\x02\x00\x00", "\x07\x01\x03one\x00\x00", "\x0a\x02"+size(a)+a+size(b)+b)
}

func llvmProfile(t *testing.T, p *wasm2llvm.Profile, wasm []byte, sha256 string) (string, int) {
	t.Helper()
	m, err := wasm2llvm.Parse(wasm)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	found, err := p.WriteLLVM(&b, m, sha256, wasm2llvm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(b.String()), " "), found
}

func keys(t *testing.T, wasm []byte) []string {
	t.Helper()
	m, err := wasm2llvm.Parse(wasm)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range m.Functions() {
		k, err := m.Key(i, wasm2llvm.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, k)
	}
	return out
}

func TestProfileText(t *testing.T) {
	want := &wasm2llvm.Profile{Module: "abc", Functions: []wasm2llvm.FunctionProfile{
		{Key: "one", Hash: 0x1234, Counters: []uint64{7, 0, 0, 0, 1 << 60, 5, 5}},
		{Key: "#0011", Hash: 0},
	}}
	var b bytes.Buffer
	if _, err := want.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	got, err := wasm2llvm.ReadProfile(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back %+v, want %+v", got, want)
	}
	for _, bad := range []string{"module abc\nkey\n", "module abc\nkey xyz\n", "module abc\nkey 1 7*\n", "module abc\nkey 1 -7\n"} {
		if _, err := wasm2llvm.ReadProfile(strings.NewReader(bad)); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

// What the profile says of a module's functions goes to those of another build by name, or by code
// whose constants may differ.
func TestProfileOfAnotherBuild(t *testing.T) {
	const add, sub = "\x41\x01\x41\x02\x6a", "\x41\x01\x41\x02\x6b"
	old := twoFunctions(add, sub)
	k := keys(t, old)
	if k[0] != "one" || !strings.HasPrefix(k[1], "#") {
		t.Fatalf("keys %q", k)
	}
	p := &wasm2llvm.Profile{Module: "old", Functions: []wasm2llvm.FunctionProfile{
		{Key: k[0], Hash: 11, Counters: []uint64{3}}, {Key: k[1], Hash: 12, Counters: []uint64{4, 5}},
	}}
	for _, c := range []struct {
		name, sha256 string
		wasm         []byte
		want         string
		found        int
	}{
		{"the same module", "old", old, ":ir f0.one 11 1 3 f1 12 2 4 5", 2},
		{"other constants", "new", twoFunctions(add, "\x41\x07\x41\x08\x6b"), ":ir f0.one 11 1 3 f1 12 2 4 5", 2},
		{"a function changed", "new", twoFunctions(sub, add), ":ir f0.one 11 1 3", 1},
	} {
		if got, found := llvmProfile(t, p, c.wasm, c.sha256); got != c.want || found != c.found {
			t.Errorf("%s: %q of %d functions, want %q of %d", c.name, got, found, c.want, c.found)
		}
	}
}

func TestProfileFlags(t *testing.T) {
	flags := func(o wasm2llvm.Options) string {
		opt, llc := wasm2llvm.Flags(o)
		return strings.Join(opt, " ") + " | " + strings.Join(llc, " ")
	}
	if f := flags(wasm2llvm.Options{ProfileData: "x/p"}); !strings.Contains(f, "-pgo-test-profile-file=x/p") || !strings.Contains(f, "pgo-instr-use") {
		t.Errorf("flags of a profile: %s", f)
	}
	if f := flags(wasm2llvm.Options{Counters: true}); !strings.Contains(f, "pgo-instr-gen,instrprof") {
		t.Errorf("flags of counters: %s", f)
	}
	if f := flags(wasm2llvm.Options{Target: wasm2llvm.ARM64}); !strings.Contains(f, "+reserve-x18") {
		t.Errorf("flags of arm64: %s", f)
	}
}
