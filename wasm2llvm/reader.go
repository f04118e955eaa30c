package wasm2llvm

import (
	"encoding/binary"
	"unicode/utf8"
)

// reader reads the binary format's primitives. A malformed one is an InvalidError.
type reader struct {
	b []byte
	p int
}

func (r *reader) done() bool { return r.p >= len(r.b) }

func (r *reader) byte() byte {
	check(r.p < len(r.b), "unexpected end")
	c := r.b[r.p]
	r.p++
	return c
}

func (r *reader) bytes(n uint32) []byte {
	check(uint64(n) <= uint64(len(r.b)-r.p), "unexpected end")
	b := r.b[r.p : r.p+int(n)]
	r.p += int(n)
	return b
}

// unsigned reads an unsigned LEB128 number of at most bits bits.
func (r *reader) unsigned(bits uint) uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		c := r.byte()
		left := bits - shift
		if left <= 7 {
			check(c < 0x80, "integer representation too long")
			check(uint(c)>>left == 0, "integer too large")
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
}

// signed reads a signed LEB128 number of at most bits bits.
func (r *reader) signed(bits uint) int64 {
	var v int64
	for shift := uint(0); ; shift += 7 {
		c := r.byte()
		left := bits - shift
		if left <= 7 {
			check(c < 0x80, "integer representation too long")
			top := int8(c<<1) >> left // the sign and the bits above it
			check(top == 0 || top == -1, "integer too large")
		}
		v |= int64(c&0x7f) << shift
		if c < 0x80 {
			if shift+7 < 64 && c&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

func (r *reader) u32() uint32 { return uint32(r.unsigned(32)) }

// count reads the length of a vector whose elements take at least a byte each.
func (r *reader) count() uint32 {
	n := r.u32()
	check(uint64(n) <= uint64(len(r.b)-r.p), "length out of bounds")
	return n
}

func (r *reader) fixed32() uint32 { return binary.LittleEndian.Uint32(r.bytes(4)) }
func (r *reader) fixed64() uint64 { return binary.LittleEndian.Uint64(r.bytes(8)) }

func (r *reader) name() string {
	b := r.bytes(r.u32())
	check(utf8.Valid(b), "malformed UTF-8 encoding")
	return string(b)
}
