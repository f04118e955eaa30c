//go:build cgo

package vm_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestABI compares wasmtime_abi.h with the headers that the library's own module ships.
func TestABI(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("needs gcc")
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/bytecodealliance/wasmtime-go/v44").Output()
	if err != nil {
		t.Fatal(err)
	}
	include := filepath.Join(strings.TrimSpace(string(out)), "build", "include")
	here, err := filepath.Abs("wasmtime_abi.h")
	if err != nil {
		t.Fatal(err)
	}
	header, err := os.ReadFile(here)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	compile := func(name, source string, args ...string) {
		t.Helper()
		file := filepath.Join(dir, name+".c")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-std=gnu11", "-Wall", "-Werror", "-I", include, file)
		if out, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}

	// One unit with both: a prototype that differs is an error.
	real := "#define WASM_API_EXTERN\n#include <wasmtime.h>\n#include <wasmtime/async.h>\n"
	compile("prototypes", real+"#define WASMTIME_ABI_PROTOTYPES_ONLY\n#include \""+here+"\"\n", "-c", "-o", os.DevNull)

	// The same program with each: what it prints must be equal.
	dump := func(name, include string) string {
		t.Helper()
		var b strings.Builder
		b.WriteString(include + "#include <stdio.h>\n#include <stddef.h>\nint main(void) {\n")
		for _, e := range layoutExpressions(t, string(header)) {
			fmt.Fprintf(&b, "printf(\"%%s = %%llu\\n\", %q, (unsigned long long)(%s));\n", e, e)
		}
		b.WriteString("printf(\"version %s\\n\", WASMTIME_VERSION);\nreturn 0;\n}\n")
		program := filepath.Join(dir, name+".out")
		compile(name, b.String(), "-o", program)
		out, err := exec.Command(program).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	ours, theirs := dump("ours", "#include \""+here+"\"\n"), dump("theirs", real)
	if ours != theirs {
		t.Errorf("wasmtime_abi.h says\n%s\nwasmtime says\n%s", ours, theirs)
	}
}

// layoutExpressions finds what the header defines with a size or a value: complete types, their fields, constants.
func layoutExpressions(t *testing.T, header string) []string {
	var list []string
	structs := regexp.MustCompile(`(?ms)^typedef (?:struct|union) \w+ \{\n(.*?)^\} (\w+);`)
	field := regexp.MustCompile(`(?m)^\t+[^\n;{}]*?(\w+)(?:\[\d+\])?;`)
	for _, m := range structs.FindAllStringSubmatch(header, -1) {
		list = append(list, "sizeof("+m[2]+")", "_Alignof("+m[2]+")")
		for _, f := range field.FindAllStringSubmatch(m[1], -1) {
			if f[1] != "room" {
				list = append(list, "offsetof("+m[2]+", "+f[1]+")", "sizeof((("+m[2]+" *)0)->"+f[1]+")")
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^typedef u?int\w+ (\w+);`).FindAllStringSubmatch(header, -1) {
		list = append(list, "sizeof("+m[1]+")")
	}
	for _, m := range regexp.MustCompile(`\b(WASM\w+) = \d+`).FindAllStringSubmatch(header, -1) {
		list = append(list, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^#define (WASM\w+) \d+$`).FindAllStringSubmatch(header, -1) {
		list = append(list, m[1])
	}
	if len(list) < 40 {
		t.Fatalf("only %d expressions found", len(list))
	}
	return list
}
