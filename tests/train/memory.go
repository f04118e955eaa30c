package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// readMemory reads this process's memory.
func readMemory(at int64, n uint64) ([]byte, error) {
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	b := make([]byte, n)
	_, err = memory.ReadAt(b, at)
	return b, err
}

// loadedAt returns where this process has the start of a file in memory: once for each engine.
func loadedAt(file string) ([]int64, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	var found []int64
	for _, line := range strings.Split(string(maps), "\n") {
		f := strings.Fields(line) // range, protection, offset, device, inode, path
		if len(f) < 6 || f[5] != path || strings.Trim(f[2], "0") != "" {
			continue
		}
		low, _, _ := strings.Cut(f[0], "-")
		at, err := strconv.ParseInt(low, 16, 64)
		if err != nil {
			return nil, err
		}
		found = append(found, at)
	}
	if found == nil {
		return nil, errors.New("the image is not in memory: it did not run")
	}
	return found, nil
}
