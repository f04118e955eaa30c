package wasm2llvm

// initializer is the value of a constant expression: the constant, the function, or the imported
// global that it names.
type initializer struct {
	kind  byte
	index uint32    // of the function or global
	value [2]uint64 // low half first
}

// The kinds; struct wasm_init in internal/vm/wasm2llvm.h has the same numbers.
const (
	initConst  = 0
	initFunc   = 1
	initGlobal = 2
)

type constant struct {
	initializer
	typ ValType
}

func (p *parser) refFunc(i uint32) initializer {
	p.funcType(i)
	p.declared[i] = true
	return initializer{kind: initFunc, index: i}
}

// initializer reads a constant expression of the given type. An imported
// global may be read if it is immutable; arithmetic with an
// imported one is refused, because its value is known only when the module is loaded.
func (p *parser) initializer(s *reader, want ValType) initializer {
	var stack []constant
	push := func(t ValType, low, high uint64) {
		stack = append(stack, constant{initializer{kind: initConst, value: [2]uint64{low, high}}, t})
	}
	for {
		switch op := s.byte(); op {
		case 0x0b:
			check(len(stack) == 1 && stack[0].typ == want, "type mismatch in a constant expression")
			return stack[0].initializer
		case 0x23:
			i := s.u32()
			check(int(i) < p.importedGlobals, "unknown global %d", i)
			g := p.global(i)
			check(!g.mutable, "constant expression required")
			stack = append(stack, constant{initializer{kind: initGlobal, index: i}, g.typ})
		case 0x41:
			push(I32, uint64(uint32(s.signed(32))), 0)
		case 0x42:
			push(I64, uint64(s.signed(64)), 0)
		case 0x43:
			push(F32, uint64(s.fixed32()), 0)
		case 0x44:
			push(F64, s.fixed64(), 0)
		case 0xfd:
			check(s.u32() == 12, "constant expression required")
			low := s.fixed64()
			push(V128, low, s.fixed64())
		case 0xd0:
			push(s.heapType(), 0, 0)
		case 0xd2:
			stack = append(stack, constant{p.refFunc(s.u32()), FuncRef})
		case 0x6a, 0x6b, 0x6c:
			stack = arithmetic(stack, I32, op-0x6a)
		case 0x7c, 0x7d, 0x7e:
			stack = arithmetic(stack, I64, op-0x7c)
		default:
			invalid("constant expression required")
		}
	}
}

// arithmetic does add, sub or mul on the two constants on top of the stack.
func arithmetic(stack []constant, t ValType, op byte) []constant {
	n := len(stack) - 2
	check(n >= 0 && stack[n].typ == t && stack[n+1].typ == t, "type mismatch in a constant expression")
	a, b := &stack[n], stack[n+1]
	if a.kind != initConst || b.kind != initConst {
		unsupported("arithmetic with an imported global in a constant expression")
	}
	switch op {
	case 0:
		a.value[0] += b.value[0]
	case 1:
		a.value[0] -= b.value[0]
	case 2:
		a.value[0] *= b.value[0]
	}
	if t == I32 {
		a.value[0] = uint64(uint32(a.value[0]))
	}
	return stack[:n+1]
}

// heapType reads the type of a null reference.
func (r *reader) heapType() ValType {
	switch t := r.signed(33); t {
	case -0x10:
		return FuncRef
	case -0x11:
		return ExternRef
	case -0x17:
		return ExnRef
	default:
		if t >= 0 {
			unsupported("a typed function reference")
		}
		unsupported("a reference of the garbage collection proposal")
	}
	return 0
}
