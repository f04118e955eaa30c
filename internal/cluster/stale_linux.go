package cluster

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// mayBePostgres reports whether the process may be a native server on dir. A postmaster's working
// directory is its data directory; where that cannot be read its name decides.
func mayBePostgres(pid int, dir string) bool {
	proc := fmt.Sprintf("/proc/%d", pid)
	if cwd, err := os.Stat(proc + "/cwd"); err == nil {
		if d, err := os.Stat(dir); err == nil && os.SameFile(cwd, d) {
			return true
		}
	}
	comm, err := os.ReadFile(proc + "/comm")
	if err != nil {
		return !os.IsNotExist(err)
	}
	name := strings.TrimSpace(string(comm))
	return name == "postgres" || name == "postmaster"
}

// shmAttached reports whether processes are attached to the host's System V segment of that key and id.
func shmAttached(key, id int) bool {
	f, err := os.Open("/proc/sysvipc/shm")
	if err != nil {
		return false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		// key shmid perms size cpid lpid nattch ...
		if w := strings.Fields(s.Text()); len(w) > 6 && w[0] == strconv.Itoa(key) && w[1] == strconv.Itoa(id) && w[6] != "0" {
			return true
		}
	}
	return false
}
