//go:build cgo

package vm

// #include "machine.h"
import "C"

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/wasmfile"
)

// What a program must export for side modules, by the linker's names.
const (
	nameTable    = "__indirect_function_table"
	nameMemBase  = "__memory_base" // these two are each side module's own
	nameTabBase  = "__table_base"
	nameRelocs   = "__wasm_apply_data_relocs"
	nameCtors    = "__wasm_call_ctors"
	moduleEnv    = "env"
	moduleGOTMem = "GOT.mem" // variables that hold the address of data
	moduleGOTFun = "GOT.func"
	guardPrefix  = "guard." // of a function that keeps C++ exceptions from whoever calls it: wasm/guard.pl
)

// side is a side module, compiled and resolved against one program.
type side struct {
	module  *Module // the compiled code
	program *Module
	main    *wasmfile.File
	file    *wasmfile.File
	imports []C.struct_vm_import // with values still to be filled in for each instance
	names   string               // what they refer to
	ready   chan struct{}        // closed when the rest is there
	err     error
}

var _ kernel.Linker = (*Module)(nil)

// Side implements kernel.Linker. Compiled code is kept where the program's is.
func (m *Module) Side(name string, code []byte) (kernel.Side, error) {
	if err := m.engine.use(); err != nil {
		return nil, err
	}
	defer m.engine.users.Done()
	code, image, err := nativeCode(code)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(code)
	m.mu.Lock()
	s := m.mu.sides[hash]
	if s != nil {
		m.mu.Unlock()
		<-s.ready
	} else {
		s = &side{program: m, ready: make(chan struct{})}
		m.mu.sides[hash] = s
		m.mu.Unlock()
		s.err = s.load(name, code, image, hash)
		if s.err != nil { // perhaps only for lack of memory: the next one tries again
			m.mu.Lock()
			delete(m.mu.sides, hash)
			m.mu.Unlock()
		}
		close(s.ready)
	}
	if s.err != nil {
		return nil, s.err
	}
	return s, nil
}

// unsafeInName is what the name of a cache file should not contain.
var unsafeInName = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

func (s *side) load(name string, code, image []byte, hash [sha256.Size]byte) (err error) {
	if s.main, err = s.program.dynamic(); err != nil {
		return err
	}
	if s.file, err = wasmfile.Parse(code); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	if err := s.resolve(); err != nil {
		return err
	}
	if s.program.nativePath != "" {
		return s.loadNative(name, image, hash)
	}
	return s.compile(name, code, hex.EncodeToString(hash[:]))
}

// compile has wasmtime make the module.
func (s *side) compile(name string, code []byte, hash string) (err error) {
	e, r := s.program.engine, &reporter{begin: time.Now()}
	wasm := Code{Hash: hash, Wasm: func() ([]byte, error) { return code, nil }}
	cacheName := "side-" + unsafeInName.ReplaceAllString(strings.TrimSuffix(name, ".so"), "_")
	if s.module, err = (loader{e, sided}).load(cacheName, wasm, s.program.cacheDir, r); err != nil {
		return err
	}
	if w := s.module.warning; w != nil && s.program.cacheDir != "" {
		e.cfg.Log.Warn("cache of compiled code", "program", name, "error", w)
	}
	s.module.name, s.module.engine = name, e
	e.adopt(s.module)
	s.showCode()
	return nil
}

// maxSideData and maxSideSlots keep nonsense out; an allocation that the guest cannot make fails there.
const (
	maxSideData  = 1 << 30
	maxSideAlign = 1 << 16
)

// check refuses what a side module made by wasm-ld never is.
func (s *side) check() error {
	d := s.file.Dylink
	switch {
	case d == nil:
		return errors.New("not a side module: it has no section dylink.0")
	case len(d.Needed) > 0:
		return fmt.Errorf("it needs other libraries (%s), which cannot be loaded: link them into it", strings.Join(d.Needed, ", "))
	case s.file.Memories > 0 || s.file.Tables > 0:
		return errors.New("it has a memory or a table of its own")
	case d.MemSize > maxSideData || d.MemAlign > maxSideAlign:
		return fmt.Errorf("its data is too large: %d bytes, aligned to %d", d.MemSize, d.MemAlign)
	}
	if e, ok := s.main.Exports[nameTable]; !ok || e.Kind != wasmfile.Table {
		return fmt.Errorf("the program %s cannot load modules: it exports no table", s.program.name)
	}
	return nil
}

// maxNamed bounds how many undefined symbols an error names.
const maxNamed = 10

// resolve finds what each import is: something that the program exports, and nothing else.
func (s *side) resolve() error {
	var undefined []string
	var names strings.Builder
	for _, i := range s.file.Imports {
		im := C.struct_vm_import{kind: C.VM_IMPORT_EXPORT, name: C.uint32_t(names.Len()), name_len: C.uint32_t(len(i.Name))}
		names.WriteString(i.Name)
		e, ok := s.main.Exports[i.Name]
		want := i.Kind
		switch {
		case i.Module == moduleGOTMem:
			im.kind, want = C.VM_IMPORT_VARIABLE, wasmfile.Global
			im.value = C.uint32_t(s.main.Globals[e.Index])
		case i.Module == moduleGOTFun:
			im.kind, want = C.VM_IMPORT_VARIABLE, wasmfile.Func
		case i.Module != moduleEnv:
			ok = false
		case i.Kind == wasmfile.Global && (i.Name == nameMemBase || i.Name == nameTabBase):
			im.kind, e.Kind, ok = C.VM_IMPORT_CONSTANT, wasmfile.Global, true
		}
		switch {
		case !ok:
			undefined = append(undefined, i.Name)
		case e.Kind != want:
			return fmt.Errorf("it uses %s as a %v, and the server has it as a %v", i.Name, want, e.Kind)
		}
		s.imports = append(s.imports, im)
	}
	s.names = names.String()
	if n := len(undefined); n > maxNamed {
		undefined = append(undefined[:maxNamed], fmt.Sprintf("and %d more", n-maxNamed))
	}
	if len(undefined) > 0 {
		return fmt.Errorf("undefined symbols: %s", strings.Join(undefined, ", "))
	}
	return nil
}

// showCode tells C where the module's functions are, so that an instance that runs them can be killed.
func (s *side) showCode() {
	var from, to unsafe.Pointer
	C.vm_module_image(s.module.c, &from, &to)
	start, end, _, err := guestCode(unsafe.Slice((*byte)(from), uintptr(to)-uintptr(from)))
	if err == nil {
		C.vm_set_trap_site(s.module.c, C.uintptr_t(uintptr(from)+start), C.uintptr_t(uintptr(from)+end), 0)
	}
}

// Data implements kernel.Side. No size is 0, which an allocator might answer with no address.
func (s *side) Data() (size, align uint32) {
	const least = 16
	align = max(s.file.Dylink.MemAlign, least)
	size = max(s.file.Dylink.MemSize, 1)
	return (size + align - 1) &^ (align - 1), align
}

// slots is what an instance has of its table for side modules. Only the instance's thread uses it.
type slots struct {
	next  uint32            // 0: not yet begun
	funcs map[uint32]uint32 // slots of the program's functions that had none
}

// take reserves n slots of those below the program's own.
func (t *slots) take(n, align uint32, main *wasmfile.File) (uint32, error) {
	if t.next == 0 {
		t.next, t.funcs = abi.FirstSlot, map[uint32]uint32{}
	}
	at := (uint64(t.next) + uint64(align) - 1) &^ (uint64(align) - 1)
	if at+uint64(n) > uint64(main.FirstSlot) {
		return 0, fmt.Errorf("no room for its %d functions in the process' table: %d of %d slots are used by other modules",
			n, t.next-abi.FirstSlot, max(main.FirstSlot, abi.FirstSlot)-abi.FirstSlot)
	}
	t.next = uint32(at) + n
	return uint32(at), nil
}

// Link implements kernel.Side.
func (s *side) Link(h kernel.Host, data uint32) (kernel.Linked, error) {
	in := s.program.running(h)
	if in == nil {
		return nil, errors.New("the process is not running")
	}
	d := s.file.Dylink
	base, err := in.slots.take(d.TableSize, d.TableAlign, s.main)
	if err != nil {
		return nil, err
	}
	imports := append([]C.struct_vm_import(nil), s.imports...)
	for k, i := range s.file.Imports {
		switch {
		case i.Module == moduleGOTFun:
			slot, err := in.slotOf(s.main, i.Name)
			if err != nil {
				return nil, err
			}
			imports[k].value = C.uint32_t(slot)
		case i.Name == nameMemBase:
			imports[k].value = C.uint32_t(data)
		case i.Name == nameTabBase:
			imports[k].value = C.uint32_t(base)
		}
	}
	l := &linked{side: s, in: in, data: data, base: base, slots: map[string]uint32{}}
	err = textError(C.vm_link(in.c, s.module.c, unsafe.SliceData(imports), C.size_t(len(imports)),
		(*C.char)(unsafe.Pointer(unsafe.StringData(s.names))), &l.number))
	if err != nil {
		return nil, err
	}
	return l, nil
}

// running returns the instance of h.
func (m *Module) running(h kernel.Host) *instance {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.running[h]
}

// slotOf returns the slot of a function of the program, which is where the program has it if it ever takes its
// address, so that addresses can be compared.
func (in *instance) slotOf(main *wasmfile.File, name string) (uint32, error) {
	index := main.Exports[name].Index
	if slot, ok := main.Slots[index]; ok {
		return slot, nil
	}
	if slot, ok := in.slots.funcs[index]; ok {
		return slot, nil
	}
	slot, err := in.setSlot(main, -1, name)
	if err == nil {
		in.slots.funcs[index] = slot
	}
	return slot, err
}

func (in *instance) setSlot(main *wasmfile.File, number C.int, name string) (uint32, error) {
	slot, err := in.slots.take(1, 1, main)
	if err != nil {
		return 0, err
	}
	return slot, textError(C.vm_set_slot(in.c, number, (*C.char)(unsafe.Pointer(unsafe.StringData(name))),
		C.size_t(len(name)), C.uint32_t(slot)))
}

// linked is a side module in an instance.
type linked struct {
	side   *side
	in     *instance
	number C.int
	data   uint32            // its __memory_base
	base   uint32            // its __table_base
	slots  map[string]uint32 // of functions that Symbol was asked for
}

// Finish implements kernel.Linked.
func (l *linked) Finish() (f [2]uint32) {
	for i, name := range []string{nameRelocs, nameCtors} {
		if e, ok := l.side.file.Exports[name]; ok && e.Kind == wasmfile.Func {
			f[i], _ = l.Symbol(name)
		}
	}
	return f
}

// Symbol implements kernel.Linked. A function that has a guard is called through it.
func (l *linked) Symbol(name string) (uint32, bool) {
	if _, ok := l.side.file.Exports[guardPrefix+name]; ok {
		name = guardPrefix + name
	}
	e, ok := l.side.file.Exports[name]
	if !ok {
		return 0, false
	}
	switch e.Kind {
	case wasmfile.Global:
		offset, ok := l.side.file.Globals[e.Index]
		return l.data + offset, ok
	case wasmfile.Func:
		if at, ok := l.side.file.Slots[e.Index]; ok {
			return l.base + at, true
		}
		slot, ok := l.slots[name]
		if !ok {
			var err error
			if slot, err = l.in.setSlot(l.side.main, l.number, name); err != nil {
				return 0, false
			}
			l.slots[name] = slot
		}
		return slot, true
	}
	return 0, false
}
