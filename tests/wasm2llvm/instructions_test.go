//go:build cgo

package wasm2llvm_test

// The value types of generated modules.
const (
	i32  = 0x7f
	i64  = 0x7e
	f32  = 0x7d
	f64  = 0x7c
	v128 = 0x7b

	exnref = 0x69 // of labels only
)

// instruction is one that takes operands and gives a result. Where nan is set the result may be a
// NaN whose bits are not the same everywhere; it is the type of a lane, and the generator makes
// such NaNs all alike.
type instruction struct {
	code []byte
	in   []byte
	out  byte
	nan  byte
	imm  func(g *generator) []byte
	trap bool // often
}

// instructions are all on numbers and vectors, by the type of the result.
var instructions = map[byte][]instruction{}

func init() {
	scalarInstructions()
	vectorInstructions()
}

func add(i instruction) { instructions[i.out] = append(instructions[i.out], i) }

// span adds the opcodes first to last, which have the same type.
func span(first, last, out, nan byte, in ...byte) {
	for op := first; op <= last; op++ {
		divides := op >= 0x6d && op <= 0x70 || op >= 0x7f && op <= 0x82
		add(instruction{code: []byte{op}, in: in, out: out, nan: nan, trap: divides})
	}
}

func scalarInstructions() {
	span(0x45, 0x45, i32, 0, i32)
	span(0x46, 0x4f, i32, 0, i32, i32)
	span(0x50, 0x50, i32, 0, i64)
	span(0x51, 0x5a, i32, 0, i64, i64)
	span(0x5b, 0x60, i32, 0, f32, f32)
	span(0x61, 0x66, i32, 0, f64, f64)
	span(0x67, 0x69, i32, 0, i32)
	span(0x6a, 0x78, i32, 0, i32, i32)
	span(0x79, 0x7b, i64, 0, i64)
	span(0x7c, 0x8a, i64, 0, i64, i64)
	span(0x8b, 0x8c, f32, 0, f32)
	span(0x8d, 0x91, f32, f32, f32)
	span(0x92, 0x97, f32, f32, f32, f32)
	span(0x98, 0x98, f32, 0, f32, f32)
	span(0x99, 0x9a, f64, 0, f64)
	span(0x9b, 0x9f, f64, f64, f64)
	span(0xa0, 0xa5, f64, f64, f64, f64)
	span(0xa6, 0xa6, f64, 0, f64, f64)
	span(0xa7, 0xa7, i32, 0, i64)
	span(0xac, 0xad, i64, 0, i32)
	span(0xb2, 0xb3, f32, 0, i32)
	span(0xb4, 0xb5, f32, 0, i64)
	span(0xb6, 0xb6, f32, f32, f64)
	span(0xb7, 0xb8, f64, 0, i32)
	span(0xb9, 0xba, f64, 0, i64)
	span(0xbb, 0xbb, f64, f64, f32)
	span(0xbc, 0xbc, i32, 0, f32)
	span(0xbd, 0xbd, i64, 0, f64)
	span(0xbe, 0xbe, f32, 0, i32)
	span(0xbf, 0xbf, f64, 0, i64)
	span(0xc0, 0xc1, i32, 0, i32)
	span(0xc2, 0xc4, i64, 0, i64)
	for i, op := range []byte{0xa8, 0xa9, 0xaa, 0xab, 0xae, 0xaf, 0xb0, 0xb1} {
		from, to := []byte{f32, f64}[i/2%2], []byte{i32, i64}[i/4]
		add(instruction{code: []byte{op}, in: []byte{from}, out: to, trap: true})
		add(instruction{code: []byte{0xfc, byte(i)}, in: []byte{from}, out: to})
	}
}

// vector adds instructions of the prefix 0xfd with numbers first to last.
func vector(first, last uint32, out, nan byte, in ...byte) {
	for n := first; n <= last; n++ {
		add(instruction{code: append([]byte{0xfd}, uleb(uint64(n))...), in: in, out: out, nan: nan})
	}
}

func lane(n uint32, lanes int, out byte, in ...byte) {
	add(instruction{
		code: append([]byte{0xfd}, uleb(uint64(n))...), in: in, out: out,
		imm: func(g *generator) []byte { return []byte{byte(g.r.IntN(lanes))} },
	})
}

func vectorInstructions() {
	add(instruction{code: []byte{0xfd, 13}, in: []byte{v128, v128}, out: v128, imm: func(g *generator) []byte {
		b := make([]byte, 16)
		for i := range b {
			b[i] = byte(g.r.IntN(32))
		}
		return b
	}})
	vector(14, 14, v128, 0, v128, v128)
	vector(15, 17, v128, 0, i32)
	vector(18, 18, v128, 0, i64)
	vector(19, 19, v128, 0, f32)
	vector(20, 20, v128, 0, f64)
	for i, lanes := range []int{16, 16, 16, 8, 8, 8} {
		if i%3 == 2 {
			lane(uint32(21+i), lanes, v128, v128, i32)
		} else {
			lane(uint32(21+i), lanes, i32, v128)
		}
	}
	for i, t := range []byte{i32, i64, f32, f64} {
		lanes := []int{4, 2, 4, 2}[i]
		lane(uint32(27+2*i), lanes, t, v128)
		lane(uint32(28+2*i), lanes, v128, v128, t)
	}
	vector(35, 76, v128, 0, v128, v128)
	vector(214, 219, v128, 0, v128, v128)
	vector(77, 77, v128, 0, v128)
	vector(78, 81, v128, 0, v128, v128)
	vector(82, 82, v128, 0, v128, v128, v128)
	vector(83, 83, i32, 0, v128)
	vector(94, 94, v128, f32, v128)
	vector(95, 95, v128, f64, v128)
	for i, base := range []uint32{0x60, 0x80, 0xa0, 0xc0} {
		vector(base, base+1, v128, 0, v128)          // abs, neg
		vector(base+3, base+4, i32, 0, v128)         // all_true, bitmask
		vector(base+11, base+13, v128, 0, v128, i32) // shifts
		vector(base+14, base+14, v128, 0, v128, v128)
		vector(base+17, base+17, v128, 0, v128, v128)
		if i > 0 {
			vector(base+7, base+10, v128, 0, v128) // extend
			vector(base+21, base+21, v128, 0, v128, v128)
			vector(base+28, base+31, v128, 0, v128, v128) // extmul
		}
		if i < 3 {
			vector(base+22, base+25, v128, 0, v128, v128) // min, max
		}
		if i < 2 {
			vector(base+15, base+16, v128, 0, v128, v128) // saturating
			vector(base+18, base+19, v128, 0, v128, v128)
			vector(base+27, base+27, v128, 0, v128, v128) // average
			vector(base+5, base+6, v128, 0, v128, v128)   // narrow
		}
	}
	vector(98, 98, v128, 0, v128)
	vector(124, 127, v128, 0, v128)
	vector(130, 130, v128, 0, v128, v128)
	vector(186, 186, v128, 0, v128, v128)
	vector(103, 106, v128, f32, v128)
	for _, n := range []uint32{116, 117, 122, 148} {
		vector(n, n, v128, f64, v128)
	}
	vector(224, 225, v128, 0, v128)
	vector(227, 227, v128, f32, v128)
	vector(228, 235, v128, f32, v128, v128)
	vector(236, 237, v128, 0, v128)
	vector(239, 239, v128, f64, v128)
	vector(240, 247, v128, f64, v128, v128)
	vector(248, 255, v128, 0, v128)
}

// access is a load or store: the code, the value's type, and its size in memory.
type access struct {
	code  []byte
	typ   byte
	bytes int
	lanes int // of an instruction that takes a lane; 0: none
}

var loadInstructions = []access{
	{[]byte{0x28}, i32, 4, 0},
	{[]byte{0x29}, i64, 8, 0},
	{[]byte{0x2a}, f32, 4, 0},
	{[]byte{0x2b}, f64, 8, 0},
	{[]byte{0x2c}, i32, 1, 0},
	{[]byte{0x2d}, i32, 1, 0},
	{[]byte{0x2e}, i32, 2, 0},
	{[]byte{0x2f}, i32, 2, 0},
	{[]byte{0x30}, i64, 1, 0},
	{[]byte{0x31}, i64, 1, 0},
	{[]byte{0x32}, i64, 2, 0},
	{[]byte{0x33}, i64, 2, 0},
	{[]byte{0x34}, i64, 4, 0},
	{[]byte{0x35}, i64, 4, 0},
	{[]byte{0xfd, 0}, v128, 16, 0},
	{[]byte{0xfd, 1}, v128, 8, 0},
	{[]byte{0xfd, 2}, v128, 8, 0},
	{[]byte{0xfd, 3}, v128, 8, 0},
	{[]byte{0xfd, 4}, v128, 8, 0},
	{[]byte{0xfd, 5}, v128, 8, 0},
	{[]byte{0xfd, 6}, v128, 8, 0},
	{[]byte{0xfd, 7}, v128, 1, 0},
	{[]byte{0xfd, 8}, v128, 2, 0},
	{[]byte{0xfd, 9}, v128, 4, 0},
	{[]byte{0xfd, 10}, v128, 8, 0},
	{[]byte{0xfd, 92}, v128, 4, 0},
	{[]byte{0xfd, 93}, v128, 8, 0},
	{[]byte{0xfd, 84}, v128, 1, 16},
	{[]byte{0xfd, 85}, v128, 2, 8},
	{[]byte{0xfd, 86}, v128, 4, 4},
	{[]byte{0xfd, 87}, v128, 8, 2},
}

var storeInstructions = []access{
	{[]byte{0x36}, i32, 4, 0},
	{[]byte{0x37}, i64, 8, 0},
	{[]byte{0x38}, f32, 4, 0},
	{[]byte{0x39}, f64, 8, 0},
	{[]byte{0x3a}, i32, 1, 0},
	{[]byte{0x3b}, i32, 2, 0},
	{[]byte{0x3c}, i64, 1, 0},
	{[]byte{0x3d}, i64, 2, 0},
	{[]byte{0x3e}, i64, 4, 0},
	{[]byte{0xfd, 11}, v128, 16, 0},
	{[]byte{0xfd, 88}, v128, 1, 16},
	{[]byte{0xfd, 89}, v128, 2, 8},
	{[]byte{0xfd, 90}, v128, 4, 4},
	{[]byte{0xfd, 91}, v128, 8, 2},
}

// atomicAccesses are the widths in the order of the opcodes.
var atomicAccesses = []access{
	{nil, i32, 4, 0}, {nil, i64, 8, 0}, {nil, i32, 1, 0}, {nil, i32, 2, 0}, {nil, i64, 1, 0}, {nil, i64, 2, 0}, {nil, i64, 4, 0},
}

func uleb(v uint64) []byte {
	var b []byte
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func sleb(v int64) []byte {
	var b []byte
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
