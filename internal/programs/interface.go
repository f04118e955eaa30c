package programs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// moduleInterface is how a WebAssembly module meets the world around it.
type moduleInterface struct {
	imports map[string]string // "module.name": kind, for functions with the type's bytes
	exports []string
	custom  []string // names of custom sections
}

// Sections and kinds, from the WebAssembly core specification 3.0, "Binary Format".
const (
	sectionCustom = 0
	sectionType   = 1
	sectionImport = 2
	sectionExport = 7

	externFunc   = 0
	externTable  = 1
	externMemory = 2
	externGlobal = 3
	externTag    = 4
)

var errModule = errors.New("it is not a WebAssembly module, or a damaged one")

// readInterface reads what is needed of a module's sections. It checks no more than that.
func readInterface(code []byte) (m moduleInterface, err error) {
	rest, ok := bytes.CutPrefix(code, []byte("\x00asm\x01\x00\x00\x00"))
	if !ok {
		return m, errModule
	}
	m.imports = map[string]string{}
	var types [][]byte
	for r := (&reader{b: rest}); len(r.b) > 0; {
		id := r.byte()
		s := &reader{b: r.bytes(r.number())}
		switch id {
		case sectionCustom:
			m.custom = append(m.custom, s.name())
		case sectionType:
			types = s.types()
		case sectionImport:
			for n := s.number(); n > 0 && !s.bad; n-- {
				name := s.name() + "." + s.name()
				m.imports[name] = s.extern(types)
			}
		case sectionExport:
			for n := s.number(); n > 0 && !s.bad; n-- {
				m.exports = append(m.exports, s.name())
				s.byte()
				s.number()
			}
		}
		if r.bad || s.bad {
			return m, errModule
		}
	}
	return m, nil
}

// reader takes things off the front of b. After the first that is not there, bad is set and all are zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.bad, r.b = true, nil }

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// number reads LEB128, the same as a varint of encoding/binary.
func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) name() string { return string(r.bytes(r.number())) }

// types returns the bytes of each function type; other forms end the list, for they have no use in imports here.
func (r *reader) types() (list [][]byte) {
	for n := r.number(); n > 0 && !r.bad; n-- {
		begin := r.b
		if r.byte() != 0x60 {
			r.b = nil
			break
		}
		for range 2 { // parameters, results
			for k := r.number(); k > 0 && !r.bad; k-- {
				r.valueType()
			}
		}
		list = append(list, begin[:len(begin)-len(r.b)])
	}
	return list
}

func (r *reader) valueType() {
	if t := r.byte(); t == 0x63 || t == 0x64 { // a reference to a heap type, which follows
		r.number()
	}
}

func (r *reader) limits() {
	if r.number()&1 != 0 {
		r.number()
	}
	r.number()
}

// extern reads what an import is.
func (r *reader) extern(types [][]byte) string {
	switch kind := r.byte(); kind {
	case externFunc, externTag:
		if kind == externTag {
			r.byte()
		}
		if i := r.number(); i < uint64(len(types)) {
			return fmt.Sprintf("function %x", types[i])
		}
		return "function of a type that this engine does not use"
	case externTable:
		r.valueType()
		r.limits()
		return "table"
	case externMemory:
		r.limits()
		return "memory"
	case externGlobal:
		r.valueType()
		r.byte()
		return "global"
	}
	r.fail()
	return ""
}
