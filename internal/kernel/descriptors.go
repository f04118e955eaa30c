package kernel

// The processes share the descriptors that the host lets the program have, though PostgreSQL takes each process to have a
// limit of its own: it keeps files open until a process comes to that, and panics where it cannot open its log. So where
// descriptors run short, a process that holds many is told so, as by its own limit (EMFILE): it then closes those it has
// open in reserve. One that holds few may still open some, and no process is started that could not.
const (
	// fairDescriptors is how many every process may hold: its event and connection, and the log and the tables it is at.
	fairDescriptors = 10
	// spareDescriptors are left for the rest of the program.
	spareDescriptors = 64
)

// MinDescriptors returns how many descriptors of the host a program needs for so many processes.
func MinDescriptors(processes int) int { return processes*fairDescriptors + spareDescriptors }

// scarce reports whether a host descriptor of this number, the lowest that was free, tells that three quarters of what processes
// may use are in use.
func (k *Kernel) scarce(host int) bool {
	return k.descriptors > 0 && host >= (k.descriptors-spareDescriptors)/4*3
}

// hoards reports whether p holds more descriptors of the host than every process may.
func (p *Process) hoards() bool {
	n := 1 // the event
	for _, d := range p.fds {
		if d.file == nil {
			continue
		}
		if disk, ok := d.file.object.(*disk); !ok || disk.file.Fd() >= 0 {
			n++
		}
	}
	return n > fairDescriptors
}

// roomForLocked reports whether the host has descriptors for one process more; event is its first.
func (k *Kernel) roomForLocked(event int) bool {
	return k.descriptors == 0 || event < k.descriptors-spareDescriptors &&
		MinDescriptors(len(k.mu.procs)+1) <= k.descriptors
}
