package cluster

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// A Seed is a new cluster in memory, as initdb made it when the program was built: to write it is some
// twenty times as quick as to run initdb. Each cluster that is made of it gets an identity of its own
// (Identify).
//
// Encoded, it is in one zstd frame: the length of a JSON text of seedHeader, 8 bytes, little-endian; that
// text; and the contents, each once: the three databases are nearly equal.
type Seed struct {
	dirs  []string // parents first
	files Files    // with names relative to the data directory
}

type seedHeader struct {
	Dirs  []string
	Files []seedFile
}

type seedFile struct {
	Name string
	At   int64 // where its contents begin, behind the header
	Data int64 // bytes there
	Size int64 // bytes of the file: what is not there is zeros
}

// SeedSuperuser is the superuser of every cluster that is made of a seed.
const SeedSuperuser = "postgres"

// maxSeed bounds what a seed may take in memory: bytes.
const maxSeed = 256 << 20

var errSeed = errors.New("the embedded cluster is damaged")

// OpenSeed decodes what EncodeSeed has made.
func OpenSeed(encoded []byte) (*Seed, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxSeed))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	b, err := d.DecodeAll(encoded, nil)
	if err != nil {
		return nil, errors.Join(errSeed, err)
	}
	if len(b) < 8 {
		return nil, errSeed
	}
	length, rest := binary.LittleEndian.Uint64(b), b[8:]
	var h seedHeader
	if length > uint64(len(rest)) || json.Unmarshal(rest[:length], &h) != nil {
		return nil, errSeed
	}
	rest = rest[length:]
	s := &Seed{dirs: h.Dirs}
	for _, f := range h.Files {
		if f.At < 0 || f.Data < 0 || f.At > int64(len(rest)) || f.Data > int64(len(rest))-f.At || f.Size < f.Data || !filepath.IsLocal(f.Name) {
			return nil, errSeed
		}
		s.files.Add(File{f.Name, rest[f.At : f.At+f.Data : f.At+f.Data], f.Size})
	}
	if slices.ContainsFunc(h.Dirs, func(d string) bool { return !filepath.IsLocal(d) }) {
		return nil, errSeed
	}
	return s, nil
}

// EncodeSeed makes a seed of the stopped cluster in the directory data. Its identity is replaced by an
// empty one: of equal clusters come equal bytes.
func EncodeSeed(data string) ([]byte, error) {
	s, err := readSeed(data)
	if err == nil {
		err = s.Identify(Identity{})
	}
	if err != nil {
		return nil, err
	}
	h := seedHeader{Dirs: s.dirs}
	var contents []byte
	known := map[string]int64{}
	for _, f := range s.files.List {
		b := trim(f.Data)
		at, ok := known[string(b)]
		if !ok {
			at = int64(len(contents))
			known[string(b)] = at
			contents = append(contents, b...)
		}
		h.Files = append(h.Files, seedFile{f.Name, at, int64(len(b)), f.Size})
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(16<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer e.Close()
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	return e.EncodeAll(append(append(b, text...), contents...), nil), nil
}

// leftOut are files of a cluster that has run which a new one does not have.
var leftOut = []string{"postmaster.opts", "postmaster.pid", "pg_stat/pgstat.stat"}

func readSeed(data string) (*Seed, error) {
	s := &Seed{}
	return s, filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == data {
			return err
		}
		rel, err := filepath.Rel(data, path)
		if err != nil || slices.Contains(leftOut, rel) {
			return err
		}
		if d.IsDir() {
			s.dirs = append(s.dirs, rel)
			return nil
		}
		b, err := os.ReadFile(path)
		s.files.Add(File{rel, b, int64(len(b))})
		return err
	})
}

// trim cuts off blocks of zeros at the end.
func trim(b []byte) []byte {
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return b[:min(len(b), (n+blckSz-1)/blckSz*blckSz)]
}

// Write makes the data directory dir of a new cluster, but for the files of the directories later, which
// rest makes. Space for the files' zeros is not taken.
func (s *Seed) Write(dir string, later ...string) (rest func() error, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	for _, d := range s.dirs {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	var now, then Files
	for _, f := range s.files.List {
		if slices.Contains(later, filepath.Dir(f.Name)) {
			then.Add(f)
		} else {
			now.Add(f)
		}
	}
	return func() error { return then.WriteInto(dir) }, now.WriteInto(dir)
}

// allocate takes the space for the files' zeros below dir, so that the server does not run out of it later.
func (s *Seed) allocate(dir string) error {
	for _, f := range s.files.List {
		if int64(len(f.Data)) == f.Size {
			continue
		}
		if err := allocate(filepath.Join(dir, f.Name), int64(len(f.Data)), f.Size-int64(len(f.Data))); err != nil {
			return err
		}
	}
	return nil
}

// Below returns the files of one directory, by their names there. The caller must not change them.
func (s *Seed) Below(dir string) *Files {
	below := &Files{}
	for _, f := range s.files.List {
		if filepath.Dir(f.Name) == dir {
			f.Name = filepath.Base(f.Name)
			below.Add(f)
		}
	}
	return below
}
