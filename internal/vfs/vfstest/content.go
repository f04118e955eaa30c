package vfstest

import "math/rand/v2"

// resized returns the size of a file after changes.
func resized(size int64, ops []*Op) int64 {
	for _, op := range ops {
		switch op.Kind {
		case Write, Allocate:
			size = max(size, op.Off+op.Size)
		case Truncate:
			size = op.Size
		}
	}
	return size
}

// grown returns b with at least size bytes, the new ones zero.
func grown(b []byte, size int64) []byte {
	if n := size - int64(len(b)); n > 0 {
		b = append(b, make([]byte, n)...)
	}
	return b
}

// put writes bytes from to to of the write op, in the file's offsets, into b.
func (op *Op) put(b []byte, from, to int64) {
	if op.Data == nil {
		clear(b[from:to])
		return
	}
	copy(b[from:to], op.Data[from-op.Off:])
}

// applyAll makes changes to b, which it may reuse.
func applyAll(b []byte, ops []*Op) []byte {
	for _, op := range ops {
		switch op.Kind {
		case Truncate:
			b = grown(b, op.Size)[:op.Size]
		case Allocate:
			b = grown(b, op.Off+op.Size)
		case Write:
			b = grown(b, op.Off+op.Size)
			op.put(b, op.Off, op.Off+op.Size)
		}
	}
	return b
}

// prefix returns the content if the changes reached the disk in order, and the last of them did not.
func (in *inode) prefix(n int) []byte {
	if n == 0 {
		return in.synced
	}
	return applyAll(append([]byte(nil), in.synced...), in.pending[:n])
}

// torn returns the content if every block of the file reached the disk at a moment of its own, or not at all since
// the last flush, and the file's size at yet another.
func (in *inode) torn(block int64, rng *rand.Rand) []byte {
	if len(in.pending) == 0 {
		return in.synced
	}
	sized := rng.IntN(len(in.pending) + 1) // the size is that after so many changes
	size := resized(int64(len(in.synced)), in.pending[:sized])
	b := append([]byte(nil), in.synced...)
	written := map[int64]int{} // by block: the content is that after so many changes
	for i, op := range in.pending {
		switch op.Kind {
		case Truncate:
			if i >= sized {
				return grown(b, size)[:size] // what was written after a truncation that did not happen is not there
			}
			b = grown(b, op.Size)[:op.Size]
		case Write:
			b = grown(b, op.Off+op.Size)
			for at := op.Off; at < op.Off+op.Size; {
				n := at / block
				next := min((n+1)*block, op.Off+op.Size)
				until, ok := written[n]
				if !ok {
					until = rng.IntN(len(in.pending) + 1)
					written[n] = until
				}
				if i < until {
					op.put(b, at, next)
				}
				at = next
			}
		}
	}
	return grown(b, size)[:size]
}
