package pgtest

import (
	"crypto/sha256"
	"debug/elf"
	"io"
	"os"
	"sync"
)

// binaryID tells this test binary from one that was built of other sources.
var binaryID = sync.OnceValues(func() ([]byte, error) {
	name, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if id := buildID(name); len(id) > 0 {
		return id, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
})

// buildID returns what the linker has written into an ELF file: it is made of all inputs of the build. It is nil in files of
// other formats, and in those that were linked without.
func buildID(name string) []byte {
	f, err := elf.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	section := f.Section(".note.go.buildid")
	if section == nil {
		return nil
	}
	id, err := section.Data()
	if err != nil || len(id) < 32 { // the header alone takes 16
		return nil
	}
	return id
}
