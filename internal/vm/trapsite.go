package vm

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
)

// trapInstruction is what wasmtime compiles an explicit trap to: ud2, and udf #0xc11f.
var trapInstruction = map[string][]byte{
	"amd64": {0x0f, 0x0b},
	"arm64": {0x1f, 0xc1, 0x00, 0x00},
}[runtime.GOARCH]

// guestCode finds, in a module's image, the guest's functions and an instruction among them that traps, as offsets in the
// image; site is 0 if there is none. Between start and end are no trampolines: those are entered and left with the host's frame pointer, from
// which the engine cannot unwind.
//
// The image is an ELF file with the functions' symbols and a section that lists the places where a trap is expected:
// a count, so many offsets in .text, so many one-byte codes (wasmtime-environ, TrapEncodingBuilder).
func guestCode(image []byte) (start, end, site uintptr, err error) {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, 0, 0, err
	}
	text, traps := f.Section(".text"), f.Section(".wasmtime.traps")
	if text == nil || traps == nil {
		return 0, 0, 0, errors.New("no .text or no .wasmtime.traps")
	}
	symbols, err := f.Symbols()
	if err != nil {
		return 0, 0, 0, err
	}
	lo, hi := ^uint64(0), uint64(0)
	for _, s := range symbols {
		if strings.Contains(s.Name, "::function[") {
			lo, hi = min(lo, s.Value), max(hi, s.Value+s.Size)
		}
	}
	for _, s := range symbols {
		if !strings.Contains(s.Name, "::function[") && s.Value < hi && s.Value+s.Size > lo {
			return 0, 0, 0, errors.New("trampolines among the functions")
		}
	}
	if hi > text.Size || lo >= hi {
		return 0, 0, 0, errors.New("no functions")
	}
	list, err := traps.Data()
	if err != nil || len(list) < 4 {
		return 0, 0, 0, errors.New("no trap list")
	}
	n := int(binary.LittleEndian.Uint32(list))
	if list = list[4:]; n > len(list)/5 {
		return 0, 0, 0, errors.New("bad trap list")
	}
	for i := range n {
		at := uint64(binary.LittleEndian.Uint32(list[4*i:]))
		if at >= lo && at < hi && bytes.HasPrefix(image[text.Offset+at:], trapInstruction) {
			return uintptr(text.Offset + lo), uintptr(text.Offset + hi), uintptr(text.Offset + at), nil
		}
	}
	return uintptr(text.Offset + lo), uintptr(text.Offset + hi), 0, nil
}
