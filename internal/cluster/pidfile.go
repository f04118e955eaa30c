package cluster

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pidFile is postmaster.pid, as written by CreateDataDirLockFile and AddToDataDirLockFile in
// src/backend/utils/init/miscinit.c; the lines are numbered in src/include/utils/pidfile.h.
type pidFile struct {
	PID    int    // LOCK_FILE_LINE_PID; negative from a stand-alone backend
	Dir    string // LOCK_FILE_LINE_DATA_DIR
	ShmKey int    // first number of LOCK_FILE_LINE_SHMEM_KEY
	ShmID  int    // second number of that line; -1 if there is none
	Status string // LOCK_FILE_LINE_PM_STATUS: "starting", "ready", "stopping", "standby"
}

const pidFileName = "postmaster.pid"

// readPidFile reads dir's postmaster.pid. A file that is not there or not (yet) written gives the
// error of os.ReadFile, or zero fields.
func readPidFile(dir string) (pidFile, error) {
	b, err := os.ReadFile(filepath.Join(dir, pidFileName))
	if err != nil {
		return pidFile{}, err
	}
	return parsePidFile(string(b)), nil
}

func parsePidFile(s string) pidFile {
	f := pidFile{ShmID: -1}
	lines := strings.Split(s, "\n")
	line := func(n int) string { // counted from 1, as pidfile.h does
		if n > len(lines) {
			return ""
		}
		return strings.TrimSpace(lines[n-1])
	}
	f.PID, _ = strconv.Atoi(line(1))
	f.Dir = line(2)
	if key, id, ok := strings.Cut(line(7), " "); ok {
		f.ShmKey, _ = strconv.Atoi(key)
		if n, err := strconv.Atoi(strings.TrimSpace(id)); err == nil {
			f.ShmID = n
		}
	}
	f.Status = line(8)
	return f
}
