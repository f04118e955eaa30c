package cluster

import (
	"path"
	"strings"
)

// How the postmaster starts a process: postgres --forkchild=KIND FILE, where FILE has its parameters (internal_forkexec of
// launch_backend.c).
const forkChild = "--forkchild="

// sessionKinds are the processes that run what users ask for (child_process_kinds of launch_backend.c). The others keep the
// whole server running, and take little memory.
var sessionKinds = map[string]bool{"backend": true, "bgworker": true, "autovacuum worker": true}

// heap is the limit of a process's heap: that of sessions is limit, which 0 lifts; the others have none.
func heap(argv []string, limit uint64) uint64 {
	if len(argv) > 1 {
		if kind, ok := strings.CutPrefix(argv[1], forkChild); ok && sessionKinds[kind] {
			return limit
		}
	}
	return 0
}

// forget removes the parameters of a process that could not be started, as it would have done itself.
func (t *tree) forget(argv []string) {
	if len(argv) == 3 && strings.HasPrefix(argv[1], forkChild) && t.backends != nil {
		_ = t.backends.Unlink("/" + path.Base(argv[2])) // it may not have been written
	}
}
