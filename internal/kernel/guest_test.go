package kernel_test

import (
	"encoding/binary"
	"runtime"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
)

// A guest stands in for a wasm instance: a Go function on a thread of its own, with a linear memory.
type guest struct {
	t    testing.TB
	h    kernel.Host
	mem  []byte
	heap uint32
	sig  uint32 // address of the signal words
	fast *kernel.FastPath
}

type program func(g *guest, argv []string) int

const (
	memSize  = 0x6010_0000
	heapBase = 0x6000_0000
)

// What a program panics with: exited when a system call was its last, fault for what a trap is to an instance.
type (
	exited struct{}
	fault  struct{ err error }
)

// Start implements kernel.Module.
func (m module) Start(h kernel.Host, _ uint64) error {
	go func() {
		runtime.LockOSThread()
		mem, err := unix.Mmap(-1, 0, memSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
		if err != nil {
			panic(err)
		}
		g := &guest{t: m.t, h: h, mem: mem, heap: heapBase, fast: new(kernel.FastPath)}
		h.Begin(unsafe.Pointer(&mem[0]), g.fast)
		var end error
		func() {
			defer func() {
				switch r := recover().(type) {
				case nil, exited:
				case fault:
					end = r.err
				default:
					panic(r)
				}
			}()
			g.sig = g.alloc(8)
			g.sys(abi.SYS_sigreg, g.sig)
			code := m.run(g, g.args())
			g.sys(abi.SYS_exit_group, uint32(code))
		}()
		h.Detach()
		unix.Munmap(mem)
		h.End(end)
	}()
	return nil
}

type module struct {
	t   testing.TB
	run program
}

func (g *guest) sys(nr int32, args ...uint32) int32 {
	var a [6]int32
	for i, v := range args {
		a[i] = int32(v)
	}
	ret, done := g.h.Syscall(memSize, nr, &a)
	if done {
		panic(exited{})
	}
	return ret
}

// must fails the test if a call fails.
func (g *guest) must(nr int32, args ...uint32) uint32 {
	ret := g.sys(nr, args...)
	if ret < 0 {
		g.t.Errorf("system call %d%v = %d", nr, args, ret)
		g.sys(abi.SYS_exit_group, 99)
	}
	return uint32(ret)
}

func (g *guest) alloc(n uint32) uint32 {
	p := g.heap
	g.heap += (n + 15) &^ 15
	return p
}

func (g *guest) bytes(b []byte) uint32 {
	p := g.alloc(uint32(len(b)))
	copy(g.mem[p:], b)
	return p
}

func (g *guest) str(s string) uint32 { return g.bytes(append([]byte(s), 0)) }

func (g *guest) u32(p uint32) uint32      { return binary.LittleEndian.Uint32(g.mem[p:]) }
func (g *guest) put32(p uint32, v uint32) { binary.LittleEndian.PutUint32(g.mem[p:], v) }
func (g *guest) word(p uint32) *uint32    { return (*uint32)(unsafe.Pointer(&g.mem[p])) }
func (g *guest) pending() uint32          { return atomic.LoadUint32(g.word(g.sig)) }
func (g *guest) setBlocked(mask uint32)   { atomic.StoreUint32(g.word(g.sig+4), mask) }
func (g *guest) clearPending(mask uint32) { atomic.AndUint32(g.word(g.sig), ^mask) }

// args reads the vector the kernel lays out.
func (g *guest) args() []string {
	need := g.must(abi.SYS_args, 0, 0)
	p := g.alloc(need)
	g.must(abi.SYS_args, p, need)
	argv := make([]string, g.u32(p))
	for i := range argv {
		argv[i] = g.cstr(g.u32(p + 4 + uint32(i)*4))
	}
	return argv
}

func (g *guest) cstr(p uint32) string {
	end := p
	for g.mem[end] != 0 {
		end++
	}
	return string(g.mem[p:end])
}

func (g *guest) spawn(argv ...string) uint32 {
	v := g.alloc(uint32(len(argv)+1) * 4)
	for i, s := range argv {
		g.put32(v+uint32(i)*4, g.str(s))
	}
	g.put32(v+uint32(len(argv))*4, 0)
	return g.must(abi.SYS_spawn, v, 0, 0)
}

// wait waits for a child and returns its wait status.
func (g *guest) wait(pid uint32) uint32 {
	st := g.alloc(4)
	for {
		switch ret := g.sys(abi.SYS_wait4, pid, st, 0, 0); ret {
		case -int32(abi.EINTR):
			g.clearPending(^uint32(0))
		case int32(pid):
			return g.u32(st)
		default:
			g.t.Errorf("wait4(%d) = %d", pid, ret)
			return 0
		}
	}
}

// FUTEX_WAIT and FUTEX_WAKE work on a word of shared memory as musl's semaphores do.
func (g *guest) semWait(p uint32) int32 {
	w := g.word(p)
	for {
		if v := atomic.LoadUint32(w); v > 0 {
			if atomic.CompareAndSwapUint32(w, v, v-1) {
				return 0
			}
			continue
		}
		if ret := g.sys(abi.SYS_futex_time64, p, 0, 0, 0); ret == -int32(abi.EINTR) {
			return ret
		}
	}
}

func (g *guest) semPost(p uint32) {
	atomic.AddUint32(g.word(p), 1)
	g.must(abi.SYS_futex_time64, p, 1, 1)
}

// newKernel returns a kernel whose programs are the given functions, by the name in argv[0].
func newKernel(t testing.TB, programs map[string]program) *kernel.Kernel {
	t.Helper()
	return newKernelWith(t, kernel.Config{}, programs)
}

// newKernelWith is newKernel with a configuration whose FS and Program are made here.
func newKernelWith(t testing.TB, cfg kernel.Config, programs map[string]program) *kernel.Kernel {
	t.Helper()
	var err error
	cfg.FS, err = vfs.NewNamespace(map[string]vfs.FS{"/": vfs.NewMem(vfs.MemOptions{}), "/dev": vfs.NewDev()})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Program = func(path string) kernel.Module {
		if run, ok := programs[path]; ok {
			return module{t, run}
		}
		return nil
	}
	k, err := kernel.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

// run runs one program to its end.
func run(t testing.TB, programs map[string]program, argv ...string) kernel.Status {
	t.Helper()
	k := newKernel(t, programs)
	p, err := k.Run(kernel.Command{Argv: argv})
	if err != nil {
		t.Fatal(err)
	}
	return p.Wait()
}
