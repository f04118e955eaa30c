package cluster

import "golang.org/x/sys/unix"

// mayBePostgres reports whether the process may be a native server, by its name.
func mayBePostgres(pid int, _ string) bool {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return true
	}
	name := unix.ByteSliceToString(k.Proc.P_comm[:])
	return name == "postgres" || name == "postmaster"
}

// shmAttached is not looked at here: macOS shows no list of segments.
func shmAttached(int, int) bool { return false }
