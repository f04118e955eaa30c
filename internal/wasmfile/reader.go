package wasmfile

import "errors"

// reader reads the binary format. After its first error it returns zeros.
type reader struct {
	b   []byte
	err error
}

var errMalformed = errors.New("malformed")

func (r *reader) fail() {
	r.err = errMalformed
	r.b = nil
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) name() string { return string(r.bytes(r.u32())) }

// u32 reads an unsigned LEB128 number.
func (r *reader) u32() uint32 {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if v > 1<<32-1 {
				break
			}
			return uint32(v)
		}
	}
	r.fail()
	return 0
}

// s32 reads a signed LEB128 number.
func (r *reader) s32() int32 {
	var v int64
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		v |= int64(c&0x7f) << shift
		if c < 0x80 {
			if c&0x40 != 0 {
				v -= 1 << (shift + 7)
			}
			return int32(v)
		}
	}
	r.fail()
	return 0
}

// power reads an exponent and returns the power of two.
func (r *reader) power() uint32 {
	n := r.u32()
	if n > 31 {
		r.fail()
		return 1
	}
	return 1 << n
}

// valueType skips a type of values. A reference to a heap type has that type behind it.
func (r *reader) valueType() {
	const refNull, ref = 0x63, 0x64
	if t := r.byte(); t == refNull || t == ref {
		r.s33()
	}
}

// s33 skips a heap type.
func (r *reader) s33() {
	for n := 0; n < 5; n++ {
		if r.byte() < 0x80 {
			return
		}
	}
	r.fail()
}

func (r *reader) limits() {
	flags := r.byte()
	r.u32()
	if flags&1 != 0 {
		r.u32()
	}
}

// times reads a count and calls f as often, or until an error.
func (r *reader) times(f func()) {
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		f()
	}
}
