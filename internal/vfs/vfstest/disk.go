package vfstest

// A Disk follows a journal from position to position, and at each can say what would be left if the power went.
type Disk struct {
	// Patient makes the next flush of a file write what a failed one should have: so do some file systems, but not
	// Linux's. Default: it is lost.
	Patient bool

	journal *Journal
	at      int
	inodes  map[Node]*inode
	names   []change // every change of names so far

	// committed is how many of names a file system with a journal has surely made durable: a flush commits all
	// that went before.
	committed int
}

// An inode is the content of a file.
type inode struct {
	mode    uint32
	dir     bool
	synced  []byte // as it was at the last flush
	pending []*Op  // changes since
}

// A change is an operation on names.
type change struct {
	*Op
	synced bool // durable on every file system
}

// NewDisk returns the disk at position 0.
func NewDisk(j *Journal) *Disk {
	d := &Disk{journal: j, inodes: map[Node]*inode{0: {dir: true, mode: 0o700}}}
	for _, b := range j.Base {
		// A copy, since what is flushed is written into it.
		d.inodes[b.Node] = &inode{mode: b.Mode, dir: b.Dir, synced: append([]byte(nil), b.Data...)}
	}
	return d
}

// Advance goes on to a position not before the present one.
func (d *Disk) Advance(to int) {
	for ; d.at < to; d.at++ {
		op := &d.journal.Ops[d.at]
		switch {
		case op.Kind.names():
			if op.Kind == Create || op.Kind == Mkdir {
				d.inodes[op.Node] = &inode{mode: op.Mode, dir: op.Kind == Mkdir}
			}
			d.names = append(d.names, change{Op: op})
		case op.Kind == Sync || op.Kind == DataSync:
			d.flush(op)
		case op.Kind == LostSync:
			if !d.Patient {
				d.inodes[op.Node].pending = nil
			}
		default:
			in := d.inodes[op.Node]
			in.pending = append(in.pending, op)
		}
	}
}

func (d *Disk) flush(op *Op) {
	in := d.inodes[op.Node]
	named := d.lastName(op.Node)
	if op.Kind == Sync {
		if in.dir {
			for i := range d.names {
				if c := d.names[i]; c.Dir == op.Node || c.Kind == Rename && c.Dir2 == op.Node {
					d.mustKeep(i)
				}
			}
		}
		if named >= 0 {
			d.mustKeep(named)
		}
	}
	// ext4 and XFS commit their journal for a flush that has something of the file in it, fdatasync only if the
	// size changed or the file is new.
	before := int64(len(in.synced))
	after := resized(before, in.pending)
	created := named >= d.committed
	switch {
	case in.dir, created, after != before, op.Kind == Sync && len(in.pending) > 0:
		d.committed = len(d.names)
	}
	if len(in.pending) > 0 {
		in.synced = applyAll(in.synced, in.pending)
		in.pending = nil
	}
}

// lastName is the index of the change that gave a node its latest name, -1 if it has none since recording began.
func (d *Disk) lastName(n Node) int {
	for i := len(d.names) - 1; i >= 0; i-- {
		if c := d.names[i]; c.Node == n && c.Kind != Unlink && c.Kind != Rmdir {
			return i
		}
	}
	return -1
}

// mustKeep marks a change of names, and all that it rests on, as durable.
func (d *Disk) mustKeep(i int) {
	if d.names[i].synced {
		return
	}
	d.names[i].synced = true
	for j := range i {
		if !d.names[j].synced && d.names[i].restsOn(d.names[j].Op) {
			d.mustKeep(j)
		}
	}
}

// restsOn reports whether the change can only have happened if an earlier one did: it concerns the same name or
// file, or a directory that the earlier one made, moved or emptied.
func (c change) restsOn(earlier *Op) bool {
	same := func(dir Node, name string) bool {
		return earlier.Dir == dir && earlier.Name == name ||
			earlier.Kind == Rename && earlier.Dir2 == dir && earlier.Name2 == name
	}
	switch {
	case earlier.Node == c.Node, earlier.Node == c.Dir, same(c.Dir, c.Name):
		return true
	case c.Kind == Rename && (earlier.Node == c.Dir2 || same(c.Dir2, c.Name2)):
		return true
	case c.Kind == Rmdir && (earlier.Dir == c.Node || earlier.Kind == Rename && earlier.Dir2 == c.Node):
		return true
	}
	return false
}
