package kernel

import (
	"crypto/rand"
	"runtime"
	"time"
)

func (p *Process) uname(a *[6]int32) int32 {
	b, ok := p.mem.bytes(uint32(a[0]), sizeofUtsname)
	if !ok {
		return -EFAULT
	}
	clear(b)
	copy(b[offUtsnameSysname:], "Linux")
	copy(b[offUtsnameNodename:offUtsnameRelease-1], p.k.cfg.Hostname)
	copy(b[offUtsnameRelease:], "6.0")
	copy(b[offUtsnameVersion:], "embeddedpg")
	copy(b[offUtsnameMachine:], "wasm32")
	return 0
}

func (p *Process) sysinfo(a *[6]int32) int32 {
	b, ok := p.mem.bytes(uint32(a[0]), sizeofSysinfo)
	if !ok {
		return -EFAULT
	}
	clear(b)
	const unit = 4096
	total, free := totalMemory()
	put32(b, offSysinfoUptime, int32(time.Since(started)/time.Second)+1)
	putU32(b, offSysinfoTotalram, uint32(total/unit))
	putU32(b, offSysinfoFreeram, uint32(free/unit))
	putU32(b, offSysinfoMemUnit, unit)
	return 0
}

// schedGetaffinity reports one bit per processor of the host program.
func (p *Process) schedGetaffinity(a *[6]int32) int32 {
	b, ok := p.mem.bytes(uint32(a[2]), uint32(a[1]))
	if !ok {
		return -EFAULT
	}
	var mask [16]byte
	for i := range min(runtime.GOMAXPROCS(0), len(mask)*8) {
		mask[i/8] |= 1 << (i % 8)
	}
	if len(b) < len(mask) {
		return -EINVAL
	}
	return int32(copy(b, mask[:]))
}

func (p *Process) schedYield(*[6]int32) int32 {
	runtime.Gosched()
	return 0
}

// getrandom gives at most 1 MiB at a time, so that a signal need not wait for gigabytes. Linux has a limit of 32 MiB.
func (p *Process) getrandom(a *[6]int32) int32 {
	b, ok := p.mem.bytes(uint32(a[0]), min(uint32(a[1]), 1<<20))
	if !ok {
		return -EFAULT
	}
	rand.Read(b) // never fails
	return int32(len(b))
}
