package listen

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerPid is the process at the other end of a Unix connection; 0 if that is not known.
func peerPid(c *net.UnixConn) int {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	_ = raw.Control(func(fd uintptr) {
		if n, err := unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID); err == nil {
			pid = n
		}
	})
	return pid
}

// isPostgres reports whether the process is alive and a native server, by its name.
func isPostgres(pid int) bool {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	return err == nil && unix.ByteSliceToString(k.Proc.P_comm[:]) == "postgres"
}
