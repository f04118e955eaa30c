package wasm2llvm

import (
	"fmt"
	"strings"
)

// prefixFD are the instructions on vectors; those with an immediate are here, the others in a
// table.
func (f *function) prefixFD() {
	sub := f.r.u32()
	if o, ok := vectors[sub]; ok {
		f.operation(o)
		return
	}
	integers := []shape{i8x16, i16x8, i32x4, i64x2}
	switch {
	case sub == 0:
		offset := f.memoryArgument(16, false)
		f.push(f.load("<2 x i64>", f.pop(I32), offset), V128)
	case sub <= 6:
		f.loadExtend(integers[(sub-1)/2], integers[(sub-1)/2+1], []string{"sext", "zext"}[(sub-1)%2])
	case sub <= 10:
		s := integers[sub-7]
		offset := f.memoryArgument(s.bits/8, false)
		f.push(f.asV128(s, f.splat(s, f.load(s.elem, f.pop(I32), offset))), V128)
	case sub == 11:
		offset := f.memoryArgument(16, false)
		v := f.pop(V128)
		f.store("<2 x i64>", v, f.pop(I32), offset)
	case sub == 12:
		low := f.r.fixed64()
		f.push(vector(low, f.r.fixed64()), V128)
	case sub == 13:
		f.shuffle()
	case sub >= 21 && sub <= 34:
		f.lane(sub)
	case sub >= 84 && sub <= 91:
		f.laneMemory(integers[(sub-84)%4], sub >= 88)
	case sub == 92, sub == 93:
		s := integers[sub-90]
		offset := f.memoryArgument(s.bits/8, false)
		v := f.load(s.elem, f.pop(I32), offset)
		f.push(f.asV128(s, f.do("insertelement %s zeroinitializer, %s %s, i32 0", s.typ(), s.elem, v)), V128)
	case sub >= 0x100 && sub < 0x130:
		unsupported("an instruction of the relaxed vector proposal")
	default:
		invalid("illegal opcode 0xfd %#x", sub)
	}
}

// loadExtend loads half a vector and widens its lanes.
func (f *function) loadExtend(from, to shape, extend string) {
	offset := f.memoryArgument(8, false)
	half := fmt.Sprintf("<%d x %s>", to.n, from.elem)
	v := f.load(half, f.pop(I32), offset)
	f.push(f.asV128(to, f.do("%s %s %s to %s", extend, half, v, to.typ())), V128)
}

func (f *function) shuffle() {
	var index []string
	for _, l := range f.r.bytes(16) {
		check(l < 32, "invalid lane index")
		index = append(index, fmt.Sprintf("i32 %d", l))
	}
	b := f.as(i8x16, f.pop(V128))
	a := f.as(i8x16, f.pop(V128))
	v := f.do("shufflevector <16 x i8> %s, <16 x i8> %s, <16 x i32> <%s>", a, b, strings.Join(index, ", "))
	f.push(f.asV128(i8x16, v), V128)
}

func (f *function) laneIndex(s shape) byte {
	l := f.r.byte()
	check(int(l) < s.n, "invalid lane index")
	return l
}

// lane extracts or replaces a lane. The two narrow shapes extract with either sign; the others
// once.
func (f *function) lane(sub uint32) {
	var s shape
	extend, replace := "", false
	if sub <= 26 {
		s = []shape{i8x16, i16x8}[(sub-21)/3]
		extend, replace = []string{"sext", "zext", ""}[(sub-21)%3], (sub-21)%3 == 2
	} else {
		s = []shape{i32x4, i64x2, f32x4, f64x2}[(sub-27)/2]
		replace = (sub-27)%2 == 1
	}
	l := f.laneIndex(s)
	if replace {
		v := f.laneValue(s, f.pop(s.scalar()))
		a := f.as(s, f.pop(V128))
		f.push(f.asV128(s, f.do("insertelement %s %s, %s %s, i32 %d", s.typ(), a, s.elem, v, l)), V128)
		return
	}
	v := f.do("extractelement %s %s, i32 %d", s.typ(), f.as(s, f.pop(V128)), l)
	if extend != "" {
		v = f.do("%s %s %s to i32", extend, s.elem, v)
	}
	f.push(v, s.scalar())
}

func (f *function) laneMemory(s shape, store bool) {
	offset := f.memoryArgument(s.bits/8, false)
	l := f.laneIndex(s)
	v := f.as(s, f.pop(V128))
	index := f.pop(I32)
	if store {
		f.store(s.elem, f.do("extractelement %s %s, i32 %d", s.typ(), v, l), index, offset)
		return
	}
	x := f.load(s.elem, index, offset)
	f.push(f.asV128(s, f.do("insertelement %s %s, %s %s, i32 %d", s.typ(), v, s.elem, x, l)), V128)
}
