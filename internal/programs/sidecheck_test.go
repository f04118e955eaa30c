package programs

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestCheckSide(t *testing.T) {
	good, err := os.ReadFile("../../testdata/extension/sample.so")
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckSide(good); err != nil {
		t.Error(err)
	}
	for name, tt := range map[string]struct {
		code []byte
		want string
	}{
		"text":      {[]byte("#!/bin/sh\n"), "not a WebAssembly module"},
		"cut":       {good[:len(good)/2], "cut short"},
		"a program": {[]byte("\x00asm\x01\x00\x00\x00"), "no side module"},
		"another":   {bytes.ReplaceAll(good, []byte("errstart_cold"), []byte("errstart_gone")), "errstart_gone"},
	} {
		if err := CheckSide(tt.code); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
