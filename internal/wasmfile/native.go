package wasmfile

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Native code that was made of a module travels at the end of it, in one custom section for each
// processor: its name, the SHA-256 of the module without these sections, and the code. So the two
// are one file, which is replaced at once, and an engine that compiles the module passes over them.
const nativePrefix = "native."

// WithNative returns the module with the code for a processor, instead of older code for that one.
func WithNative(code []byte, processor string, native []byte) ([]byte, error) {
	bare, had, err := split(code)
	if err != nil {
		return nil, err
	}
	had[processor] = native
	out := slices.Clone(bare)
	hash := sha256.Sum256(bare)
	for _, p := range slices.Sorted(maps.Keys(had)) {
		name := nativePrefix + p
		content := append(binary.AppendUvarint(nil, uint64(len(name))), name...)
		content = slices.Concat(content, hash[:], had[p])
		out = append(binary.AppendUvarint(append(out, sectionCustom), uint64(len(content))), content...)
	}
	return out, nil
}

// Native returns the module without native code, and the code for a processor: nil if there is none
// that was made of this very module.
func Native(code []byte, processor string) (bare, native []byte, err error) {
	bare, all, err := split(code)
	if err != nil {
		return nil, nil, err
	}
	return bare, all[processor], nil
}

// split returns the module without its native code, and the code for each processor.
func split(code []byte) (bare []byte, native map[string][]byte, err error) {
	if len(code) < len(header) || string(code[:len(header)]) != header {
		return nil, nil, ErrNotWasm
	}
	native = map[string][]byte{}
	all := reader{b: code[len(header):]}
	var hash [sha256.Size]byte
	for len(all.b) > 0 {
		begin := len(code) - len(all.b)
		id := all.byte()
		r := reader{b: all.bytes(all.u32())}
		if all.err != nil {
			return nil, nil, fmt.Errorf("section %d: %w", id, all.err)
		}
		processor, ok := strings.CutPrefix(r.name(), nativePrefix)
		if id != sectionCustom || !ok {
			if bare != nil {
				return nil, nil, fmt.Errorf("section %d behind native code", id)
			}
			continue
		}
		if bare == nil {
			bare = code[:begin:begin]
			hash = sha256.Sum256(bare)
		}
		if string(r.bytes(sha256.Size)) == string(hash[:]) && r.err == nil {
			native[processor] = r.b
		}
	}
	if bare == nil {
		bare = code
	}
	return bare, native, nil
}
