//go:build cgo

package vm

// #include "machine.h"
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/kernel"
)

// killing guards the program's one handler for the signal.
var killing sync.Mutex

// How soon a kill is tried again: when the instance was found in a system call, ever more slowly; else soon, as it may
// spend most of its time in memory.copy, where it cannot be interrupted.
const (
	killAgain     = 50 * time.Microsecond
	killCallFirst = time.Millisecond
	killCallLast  = 64 * time.Millisecond
)

// Kill ends the instance that was started for h, even one that runs guest code without making calls; Host.End gets a
// FaultKilled. A call that blocks is not interrupted: the Host must make it return. Kill returns at once, the
// end comes within milliseconds of processor time if the instance runs guest code, else when its host call returns. For an h
// that has no instance, or no longer, Kill does nothing, nor for one that is being killed.
//
// It is the last resort: a guest that looks at its signals ends more cleanly by itself.
func (m *Module) Kill(h kernel.Host) error {
	if err := m.engine.use(); err != nil {
		return nil //nolint:nilerr // a closed engine has no instances
	}
	if !m.firstKill(h) {
		m.engine.users.Done()
		return nil
	}
	st, err := m.sendKill(h)
	if st == gone {
		m.engine.users.Done()
		return err
	}
	go func() {
		defer m.engine.users.Done()
		for wait := killCallFirst; st != gone; st, _ = m.sendKill(h) {
			if st == busy {
				time.Sleep(killAgain)
				continue
			}
			time.Sleep(wait)
			wait = min(2*wait, killCallLast)
		}
	}()
	return nil
}

// firstKill reports whether h has an instance that nobody kills yet: one goroutine for each sends signals.
func (m *Module) firstKill(h kernel.Host) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	in := m.mu.running[h]
	if in == nil || in.killed {
		return false
	}
	in.killed = true
	return true
}

// killState is what sendKill found the instance doing.
type killState int

const (
	gone killState = iota // or cannot be killed
	busy                  // running guest code: the request was sent
	calling
)

func (m *Module) sendKill(h kernel.Host) (killState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in := m.mu.running[h]
	if in == nil {
		return gone, nil
	}
	if err := m.findTrapSiteLocked(); err != nil {
		in.killed = false
		return gone, fmt.Errorf("vm: kill an instance of %s: %w", m.name, err)
	}
	killing.Lock()
	defer killing.Unlock()
	errno := C.vm_kill_prepare()
	if errno == 0 {
		errno = C.vm_kill(in.c)
	}
	switch errno := syscall.Errno(errno); errno {
	case 0:
		return busy, nil
	case syscall.EAGAIN:
		return calling, nil
	default:
		in.killed = false
		return gone, fmt.Errorf("vm: kill an instance of %s: %w", m.name, errno)
	}
}

// findTrapSiteLocked does so once: it takes milliseconds in a large module.
func (m *Module) findTrapSiteLocked() error {
	if m.mu.trapSite {
		return nil
	}
	var from, to unsafe.Pointer
	C.vm_module_image(m.c, &from, &to)
	image := unsafe.Slice((*byte)(from), uintptr(to)-uintptr(from))
	start, end, site, err := guestCode(image)
	if err == nil && site == 0 {
		err = errors.New("no trapping instruction")
	}
	if err != nil {
		return err
	}
	base := uintptr(from)
	C.vm_set_trap_site(m.c, C.uintptr_t(base+start), C.uintptr_t(base+end), C.uintptr_t(base+site))
	m.mu.trapSite = true
	return nil
}
