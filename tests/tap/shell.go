//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"nself.org/embeddedpg/internal/image"
)

// shellModule returns the server's module with one constant changed: its posix_spawn no longer knows the shell by name, so
// that a command line comes to the kernel, as /bin/sh -c, and does not end in libc with ENOSYS. A kernel still has no such
// program; package program's has.
func shellModule() ([]byte, error) {
	code, err := image.Postgres.Wasm()
	if err != nil {
		return nil, err
	}
	code = bytes.Clone(code)
	address, err := dataAddress(code, "\x00/bin/sh\x00")
	if err != nil {
		return nil, err
	}
	name := constant(address + 1)
	other := constant(address + 1 + 4) // "/sh"
	if len(other) != len(name) {
		return nil, errors.New("the constants of the shell's name differ in length")
	}
	// posix_spawn gives it to strcmp as the last argument; those that call posix_spawn, as the second.
	const call = 0x10
	found := 0
	err = functions(code, func(body []byte) {
		if at := bytes.Index(body, append(name, call)); at >= 0 {
			copy(body[at:], other)
			found++
		}
	})
	if err == nil && found != 1 {
		err = fmt.Errorf("%d functions of the server look like posix_spawn", found)
	}
	return code, err
}

// constant is an i32.const instruction.
func constant(v uint32) []byte {
	b := []byte{0x41}
	for s := int64(int32(v)); ; s >>= 7 {
		x := byte(s & 0x7f)
		if last := s>>7 == 0 && x&0x40 == 0 || s>>7 == -1 && x&0x40 != 0; last {
			return append(b, x)
		}
		b = append(b, x|0x80)
	}
}

// section returns the bytes of a section of a module: https://webassembly.github.io/spec/core/binary/modules.html.
func section(code []byte, id byte) ([]byte, error) {
	for rest := code[8:]; len(rest) > 0; {
		n, w := binary.Uvarint(rest[1:])
		if w <= 0 || uint64(len(rest)-1-w) < n {
			break
		}
		if rest[0] == id {
			return rest[1+w:][:n], nil
		}
		rest = rest[1+w+int(n):]
	}
	return nil, fmt.Errorf("the module has no section %d", id)
}

// functions calls f with each function's body.
func functions(code []byte, f func(body []byte)) error {
	s, err := section(code, 10)
	if err != nil {
		return err
	}
	n, w := binary.Uvarint(s)
	for s = s[w:]; n > 0; n-- {
		size, w := binary.Uvarint(s)
		if w <= 0 || uint64(len(s)-w) < size {
			return errors.New("the module's code is cut short")
		}
		f(s[w:][:size])
		s = s[w+int(size):]
	}
	return nil
}

// dataAddress returns where in memory a text lies that the module's first segment of data has once.
func dataAddress(code []byte, text string) (uint32, error) {
	s, err := section(code, 11)
	if err != nil {
		return 0, err
	}
	_, w := binary.Uvarint(s)
	s = s[w:]
	if len(s) < 8 || s[0] != 0 || s[1] != 0x41 {
		return 0, errors.New("the module's first segment is not at a constant address")
	}
	var base uint32
	at := 2
	for shift := 0; ; shift += 7 {
		base |= uint32(s[at]&0x7f) << shift
		if at++; s[at-1]&0x80 == 0 {
			break
		}
	}
	at++ // end
	size, w := binary.Uvarint(s[at:])
	s = s[at+w:][:size]
	if bytes.Count(s, []byte(text)) != 1 {
		return 0, fmt.Errorf("the module's data does not have %q once", text)
	}
	return base + uint32(bytes.Index(s, []byte(text))), nil
}
