package wasm2llvm

// The instance's state lies below the address of its memory. These are fixed; internal/vm/wasm2llvm.h
// has the same numbers.
const (
	offsetSize     = -8  // u64: the memory's size in bytes
	offsetHost     = -16 // pointer: the host's own
	offsetStackTop = -24 // u64: the stack pointer at which Options.StackDepth counts from
	fixedState     = 64

	slotSize = 16      // of a global, an import, an entry of a table
	pageSize = 1 << 16 // of memory; a multiple of every host's

	// tableGrowth is how many elements table.grow can add to what a table starts with.
	tableGrowth = 1 << 14
	maxTable    = 10_000_000
)

// layout says where the rest of the state is, as offsets from the memory's address; of a side
// module's, from where that one's state ends. 0: nowhere, the thing needs no place.
type layout struct {
	exception  int64 // a thrown exception's tag and values
	imports    []int64
	tags       []int64 // of imported tags: the number
	globals    []int64 // of mutable and imported globals
	tableSizes []int64 // u64; of tables that may grow or are imported
	datas      []int64 // u64: 1 if a segment was dropped
	elems      []int64
	tables     []int64
	capacities []uint32
	size       int64 // of the whole state; a multiple of pageSize
}

// lay places what is used most next to the memory, and the tables lowest, each on pages of its own
// so that a host can map one that no instance changes.
func (m *Module) lay() layout {
	at := int64(-fixedState)
	if m.side { // the program's state has these
		at = 0
	}
	take := func(n int64) int64 {
		at -= n
		return at
	}
	slots := func(n int, need func(i int) bool) []int64 {
		s := make([]int64, n)
		for i := range s {
			if need(i) {
				s[i] = take(slotSize)
			}
		}
		return s
	}
	always := func(int) bool { return true }
	var l layout
	l.exception = take((int64(m.exnBits)/8 + slotSize - 1) / slotSize * slotSize)
	l.globals = slots(len(m.globals), func(i int) bool { return m.globals[i].mutable || i < m.importedGlobals })
	own := func(int) bool { return !m.side } // a side module has these in variables of its code
	l.imports = slots(m.importedFuncs, own)
	l.tags = slots(m.importedTags, own)
	l.tableSizes = slots(len(m.tables), own)
	l.datas = slots(len(m.datas), always)
	l.elems = slots(len(m.elems), always)
	at = at &^ (pageSize - 1)
	for i, t := range m.tables {
		if m.side { // the program's
			l.capacities, l.tables = append(l.capacities, 0), append(l.tables, 0)
			continue
		}
		capacity := uint64(t.min)
		if i < m.importedTables || !t.hasMax || t.max != t.min {
			capacity = min(uint64(t.max), uint64(t.min)+tableGrowth)
		}
		l.capacities = append(l.capacities, uint32(capacity))
		l.tables = append(l.tables, take((int64(capacity)*slotSize+pageSize-1)/pageSize*pageSize))
	}
	l.size = -at
	return l
}

// fixedTable reports whether a table has the size it starts with forever.
func (m *Module) fixedTable(i uint32) bool {
	t := m.tables[i]
	return int(i) >= m.importedTables && t.hasMax && t.min == t.max
}
