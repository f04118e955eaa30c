package wasmfile

import (
	"encoding/binary"
	"slices"
)

// WithoutFunctions returns the module with no function exported but keep. Code that only an importer could call
// would be compiled with a way in from outside for each, and looked up at each start.
func WithoutFunctions(code []byte, keep string) ([]byte, error) {
	if _, err := Parse(code); err != nil {
		return nil, err
	}
	all := reader{b: code[len(header):]}
	for len(all.b) > 0 {
		begin := len(code) - len(all.b)
		id := all.byte()
		r := reader{b: all.bytes(all.u32())}
		if id != sectionExport {
			continue
		}
		var kept []byte
		var count uint64
		r.times(func() {
			export := r.b
			name := r.name()
			kind := Kind(r.byte())
			r.u32()
			if kind != Func || name == keep {
				kept = append(kept, export[:len(export)-len(r.b)]...)
				count++
			}
		})
		kept = append(binary.AppendUvarint(nil, count), kept...)
		head := binary.AppendUvarint([]byte{sectionExport}, uint64(len(kept)))
		return slices.Concat(code[:begin], head, kept, all.b), nil
	}
	return code, nil
}
