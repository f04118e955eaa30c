package wasmfile

// Dylink is the section that makes a module a side module: dylink.0 of WebAssembly/tool-conventions, DynamicLinking.md.
type Dylink struct {
	MemSize, MemAlign     uint32 // bytes; an alignment is a power of two
	TableSize, TableAlign uint32 // slots
	Needed                []string
}

func (f *File) readDylink(r *reader) {
	const memInfo, needed = 1, 2
	d := &Dylink{MemAlign: 1, TableAlign: 1}
	for len(r.b) > 0 && r.err == nil {
		kind := r.byte()
		s := reader{b: r.bytes(r.u32())}
		switch kind {
		case memInfo:
			d.MemSize, d.MemAlign = s.u32(), s.power()
			d.TableSize, d.TableAlign = s.u32(), s.power()
		case needed:
			s.times(func() { d.Needed = append(d.Needed, s.name()) })
		}
		if s.err != nil {
			r.fail()
		}
	}
	f.Dylink = d
}
