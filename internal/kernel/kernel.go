package kernel

// A kernel as its program sees it: made, given programs to run, closed. Kernel.mu guards
// what processes share; the package comment says what, and names the other locks. Close posts SIGKILL to all
// and waits for wg, which counts processes until their End has run.

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"unsafe"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// Config describes one kernel. FS and Program are required.
type Config struct {
	FS       vfs.FS                    // the guest's whole file tree
	Program  func(path string) Module  // the program at a guest path; nil if there is none (ENOENT)
	HostPath func(guest string) string // host path of a guest Unix socket that no process listens on; nil or "": none
	// LibraryDirs are the guest directories whose files dlopen takes for side modules; no guest should be able to write there.
	LibraryDirs []string
	// Heap says how many bytes the heap of a process with these arguments may have; 0 or nil: what the address space has room for.
	Heap func(argv []string) uint64
	// Refused is called when the host refuses what a process with these arguments needs to start; nil: nobody is told.
	Refused func(argv []string)
	// View gives a process files that no other one has. It is called once for each process, before that runs; the Opener
	// that it returns is asked first whenever the process opens a file. Either may be nil.
	View func(p *Process) Opener
	// Bound tells whether the host listens at an address on behalf of the guest, which may then bind it; its connections
	// come by Push. Default: none.
	Bound func(netip.AddrPort) bool
	// Outgoing tells whether guests may connect and send to an address of the network; others are EACCES. Default: to all.
	Outgoing func(netip.Addr) bool
	Pid      int          // of the first process; 0: the host process's own
	UID      int          // user and group id of every process; 0: 1000
	Hostname string       // default "localhost"
	Log      *slog.Logger // reports of killed processes; default discards
}

// Opener opens a file in the place of Config.FS; without a file and an error, Config.FS is asked. The name is absolute
// and clean, the flags are Linux's (vfs.O_RDONLY and so on).
type Opener func(name string, flag int) (vfs.File, error)

// Kernel runs a tree of processes. Its methods are safe for concurrent use.
type Kernel struct {
	cfg         Config
	wg          sync.WaitGroup // one per process not yet gone
	fastPathOff uint32         // FastPath.Off for new processes
	libs        libraries
	post        []byte // memory of the host that holds the PostSlots

	descriptors int // RLIMIT_NOFILE of the program; 0: none is known

	mu struct {
		sync.Mutex
		closed    bool
		procs     map[int]*Process
		crashes   int // processes that a signal or a fault has ended
		nextPid   int
		shm       shmTable
		listeners map[string]*listener // by guest path, or address and port
	}
}

// New returns a kernel without processes. It holds memory of the host until Close.
func New(cfg Config) (*Kernel, error) {
	if cfg.FS == nil || cfg.Program == nil {
		return nil, errors.New("kernel: Config.FS and Config.Program are required")
	}
	if cfg.Pid == 0 {
		cfg.Pid = os.Getpid()
	}
	if cfg.UID == 0 {
		cfg.UID = 1000
	}
	if cfg.Hostname == "" {
		cfg.Hostname = "localhost"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	post, err := hostAlloc(PostSlots * int(unsafe.Sizeof(PostSlot{})))
	if err != nil {
		return nil, fmt.Errorf("allocate the table of processes: %w", err)
	}
	k := &Kernel{cfg: cfg, post: post, descriptors: hostDescriptors()}
	if os.Getenv("EMBEDDEDPG_FASTPATH") == "off" {
		k.fastPathOff = 1
	}
	k.mu.procs = map[int]*Process{}
	k.mu.listeners = map[string]*listener{}
	k.mu.nextPid = firstChildPid
	return k, nil
}

// Command is a process to be started from outside, without a parent in the kernel.
type Command struct {
	Argv   []string // Argv[0] is the guest path of the program
	Env    []string
	Dir    string   // working directory; default "/"
	Stdin  *os.File // nil: /dev/null. The kernel duplicates the descriptor; the caller keeps its file
	Stdout *os.File
	Stderr *os.File
}

// Run starts a process. It has no parent in the kernel: Process.Wait tells its end.
func (k *Kernel) Run(c Command) (*Process, error) {
	if len(c.Argv) == 0 {
		return nil, errors.New("kernel: empty Argv")
	}
	if c.Dir == "" {
		c.Dir = "/"
	}
	p, err := newProcess(k, c.Argv, c.Env, c.Dir)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Argv[0], err)
	}
	for i, f := range []*os.File{c.Stdin, c.Stdout, c.Stderr} {
		of, err := openStdio(k, f, i)
		if err != nil {
			p.release()
			return nil, fmt.Errorf("start %s: descriptor %d: %w", c.Argv[0], i, err)
		}
		p.fds[i] = descriptor{file: of}
	}
	if e := p.start(nil); e != 0 {
		return nil, fmt.Errorf("start %s: %w", c.Argv[0], hostError(e))
	}
	return p, nil
}

// Kill posts a signal to the process with the given id, as kill(2) does; sig 0 only asks whether it exists.
func (k *Kernel) Kill(pid, sig int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.mu.procs[pid]
	if p == nil {
		return fmt.Errorf("kill %d: no such process", pid)
	}
	p.postLocked(sig)
	return nil
}

// Processes returns the ids and arguments of all live processes.
func (k *Kernel) Processes() map[int][]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := make(map[int][]string, len(k.mu.procs))
	for pid, p := range k.mu.procs {
		if p.state == running {
			m[pid] = p.argv
		}
	}
	return m
}

// Usage is what a kernel's processes take.
type Usage struct {
	Heap    map[int]uint64 // bytes by which each process's memory has grown, by id
	Crashes int            // processes that a signal or a fault has ended, since the kernel was made
}

// Usage tells what the processes take at the moment.
func (k *Kernel) Usage() Usage {
	k.mu.Lock()
	defer k.mu.Unlock()
	u := Usage{Heap: map[int]uint64{}, Crashes: k.mu.crashes}
	for pid, p := range k.mu.procs {
		if s, ok := p.module.(Sizer); ok && p.words != nil {
			u.Heap[pid] = s.HeapSize(p)
		}
	}
	return u
}

// Close kills every process, waits until the last one is gone, and frees what the kernel holds. A closed
// kernel starts no process; a second Close waits as the first does.
func (k *Kernel) Close() error {
	k.mu.Lock()
	k.mu.closed = true
	for _, p := range k.mu.procs {
		p.postLocked(abi.SIGKILL)
	}
	k.mu.Unlock()
	k.wg.Wait()

	k.mu.Lock()
	defer k.mu.Unlock()
	if k.post != nil {
		hostFree(k.post)
		k.post = nil
	}
	k.mu.shm.freeAll()
	for path, l := range k.mu.listeners {
		delete(k.mu.listeners, path)
		l.shutLocked()
	}
	return nil
}
