package cluster

import (
	"encoding/json"
	"sync/atomic"

	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
)

// UsageFile is a file that sessions can read, and that lies nowhere: what the server's processes take at that
// moment, as JSON {"crashes": n, "heap": {"pid": bytes, ...}}. In SQL it is pg_read_file's, and thus
// for those who may read the server's files.
const UsageFile = "/proc/usage"

// usageView shows UsageFile to processes.
type usageView struct {
	of atomic.Pointer[kernel.Kernel] // set before the first session is there
}

// open is a kernel.Opener.
func (v *usageView) open(name string, flag int) (vfs.File, error) {
	k := v.of.Load()
	if name != UsageFile || flag&vfs.O_ACCMODE != vfs.O_RDONLY || k == nil {
		return nil, nil
	}
	u := k.Usage()
	text, err := json.Marshal(struct {
		Crashes int            `json:"crashes"`
		Heap    map[int]uint64 `json:"heap"`
	}{u.Crashes, u.Heap})
	if err != nil {
		return nil, err
	}
	return memoryFile(string(text))
}

// and is an Opener that asks another one if the file is not this.
func (v *usageView) and(other kernel.Opener) kernel.Opener {
	return func(name string, flag int) (vfs.File, error) {
		if f, err := v.open(name, flag); f != nil || err != nil {
			return f, err
		}
		return other(name, flag)
	}
}
