package kernel

// Calls about the machine: its name, memory, processors, randomness.

import (
	"crypto/rand"
	"runtime"
	"time"

	"nself.org/embeddedpg/internal/abi"
)

func (p *Process) uname(a *[6]int32) (int32, abi.Errno) {
	b, ok := p.mem.bytes(uint32(a[0]), abi.SizeofUtsname)
	if !ok {
		return 0, abi.EFAULT
	}
	clear(b)
	copy(b[abi.OffUtsnameSysname:], "Linux")
	copy(b[abi.OffUtsnameNodename:abi.OffUtsnameRelease-1], p.k.cfg.Hostname)
	copy(b[abi.OffUtsnameRelease:], "6.0")
	copy(b[abi.OffUtsnameVersion:], "embeddedpg")
	copy(b[abi.OffUtsnameMachine:], "wasm32")
	return 0, 0
}

func (p *Process) sysinfo(a *[6]int32) (int32, abi.Errno) {
	b, ok := p.mem.bytes(uint32(a[0]), abi.SizeofSysinfo)
	if !ok {
		return 0, abi.EFAULT
	}
	clear(b)
	const unit = abi.PageSize
	total, free := totalMemory()
	put32(b, abi.OffSysinfoUptime, int32(time.Since(started)/time.Second)+1)
	putU32(b, abi.OffSysinfoTotalram, uint32(total/unit))
	putU32(b, abi.OffSysinfoFreeram, uint32(free/unit))
	putU32(b, abi.OffSysinfoMemUnit, unit)
	return 0, 0
}

// schedGetaffinity reports one bit per processor of the host program.
func (p *Process) schedGetaffinity(a *[6]int32) (int32, abi.Errno) {
	b, ok := p.mem.bytes(uint32(a[2]), uint32(a[1]))
	if !ok {
		return 0, abi.EFAULT
	}
	var mask [16]byte
	for i := range min(runtime.GOMAXPROCS(0), len(mask)*8) {
		mask[i/8] |= 1 << (i % 8)
	}
	if len(b) < len(mask) {
		return 0, abi.EINVAL
	}
	return int32(copy(b, mask[:])), 0
}

func (p *Process) schedYield(*[6]int32) (int32, abi.Errno) {
	runtime.Gosched()
	return 0, 0
}

// getrandom gives at most 1 MiB at a time, so that a signal need not wait for gigabytes. Linux has a limit of 32 MiB.
func (p *Process) getrandom(a *[6]int32) (int32, abi.Errno) {
	b, ok := p.mem.bytes(uint32(a[0]), min(uint32(a[1]), 1<<20))
	if !ok {
		return 0, abi.EFAULT
	}
	rand.Read(b) // never fails
	return int32(len(b)), 0
}
