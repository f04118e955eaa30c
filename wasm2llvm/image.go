package wasm2llvm

import "fmt"

// address returns the place in memory that a constant offset is.
func (v initializer) address() uint64 { return uint64(uint32(v.value[0])) }

// imageRange returns which whole pages of the memory the active data segments lie in, of which there
// is one at least.
func (d *description) imageRange() (from, to uint64) {
	from = 1 << 32
	for _, s := range d.datas {
		if s.mode != segmentActive {
			continue
		}
		if s.offset.kind != initConst {
			unsupported("an image of a data segment whose place is not a constant")
		}
		from = min(from, s.offset.address())
		to = max(to, s.offset.address()+uint64(len(s.bytes)))
	}
	if d.memory == nil || to > uint64(d.memory.min)*pageSize {
		unsupported("an image of a data segment outside the memory")
	}
	return from &^ (pageSize - 1), (to + pageSize - 1) &^ (pageSize - 1)
}

// image defines the memory's image, if Options.Image asks for it, and returns it as fields: its
// place in memory, its length and its address.
func (d *description) image() string {
	none := "i64 0, i64 0, ptr null"
	if !d.Image {
		return none
	}
	active := 0
	for _, s := range d.datas {
		if s.mode == segmentActive {
			active++
		}
	}
	if active == 0 {
		return none
	}
	from, to := d.imageRange()
	bytes := make([]byte, to-from)
	for _, s := range d.datas {
		if s.mode == segmentActive {
			copy(bytes[s.offset.address()-from:], s.bytes)
		}
	}
	d.line("%s = hidden constant [%d x i8] c\"%s\", section \".wasm.memory\", align %d", d.name("image"), len(bytes), escape(bytes), pageSize)
	return fmt.Sprintf("i64 %d, i64 %d, ptr %s", from, to-from, d.name("image"))
}
