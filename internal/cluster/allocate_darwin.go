package cluster

import (
	"os"
)

// allocate takes the space for a range of a file that reads as zeros, by writing them.
func allocate(name string, at, n int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	zeros := make([]byte, min(n, 1<<20))
	for n > 0 {
		k, err := f.WriteAt(zeros[:min(n, int64(len(zeros)))], at)
		if err != nil {
			return err
		}
		at, n = at+int64(k), n-int64(k)
	}
	return nil
}
