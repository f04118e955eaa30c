package testserver

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/fault"
)

// A pack is a stopped cluster in one file: opening one file and writing a thousand takes half as long as copying a
// thousand. It is the length of a JSON text of packHeader, 8 bytes, little-endian; that text; and the files' contents one after
// the other.
type packHeader struct {
	Password string
	Dirs     []string // parents first
	Files    []packFile
}

type packFile struct {
	Name string
	Data int64 // bytes in the pack
	Size int64 // bytes of the file: what is not in the pack is zeros
}

// pack is an open pack. Its memory is mapped from the file.
type pack struct {
	password string
	dirs     []string
	all      contents // with names relative to the data directory
	mapped   []byte
}

// packBlock is what contents are cut to: bytes. The write-ahead log's file of 16 MB is nearly empty.
const packBlock = 8192

// writePack packs the cluster in the directory data into a new file, and makes that durable.
func writePack(name, data, password string) (err error) {
	h := packHeader{Password: password}
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == data {
			return err
		}
		rel, err := filepath.Rel(data, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			h.Dirs = append(h.Dirs, rel)
			return nil
		}
		b, err := os.ReadFile(path)
		h.Files = append(h.Files, packFile{rel, int64(len(trim(b))), int64(len(b))})
		return err
	})
	if err != nil {
		return err
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(text))))
	w.Write(text)
	for _, file := range h.Files {
		b, err := os.ReadFile(filepath.Join(data, file.Name))
		if err != nil {
			return err
		}
		w.Write(b[:file.Data])
	}
	return errors.Join(w.Flush(), f.Sync())
}

// trim cuts off blocks of zeros at the end.
func trim(b []byte) []byte {
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return b[:min(len(b), (n+packBlock-1)/packBlock*packBlock)]
}

// openPack maps a pack. An error is fs.ErrNotExist if there is none.
func openPack(name string) (*pack, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	bad := &fault.Error{Op: "open the cluster for tests", Path: name, Err: errors.New("the file is damaged"), Hint: "remove it: it is made anew"}
	var head [8]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return nil, bad
	}
	length := binary.LittleEndian.Uint64(head[:])
	if length > uint64(st.Size()) {
		return nil, bad
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	p := &pack{mapped: mapped}
	rest := mapped[8:]
	var h packHeader
	if uint64(len(rest)) < length || json.Unmarshal(rest[:length], &h) != nil {
		p.close()
		return nil, bad
	}
	rest = rest[length:]
	p.password, p.dirs = h.Password, h.Dirs
	for _, file := range h.Files {
		if file.Data < 0 || file.Data > int64(len(rest)) || file.Size < file.Data || !filepath.IsLocal(file.Name) {
			p.close()
			return nil, bad
		}
		p.all.add(contentFile{name: file.Name, data: rest[:file.Data:file.Data], size: file.Size})
		rest = rest[file.Data:]
	}
	return p, nil
}

// write makes the data directory dir of a new cluster, but for the files of the directories later, which rest makes.
func (p *pack) write(dir string, later ...string) (rest func() error, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	for _, d := range p.dirs {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	var now, then contents
	for _, f := range p.all.files {
		if slices.Contains(later, filepath.Dir(f.name)) {
			then.add(f)
		} else {
			now.add(f)
		}
	}
	return func() error { return then.writeInto(dir) }, now.writeInto(dir)
}

// below returns the files of one directory, by their names there.
func (p *pack) below(dir string) *contents {
	im := &contents{}
	for _, f := range p.all.files {
		if filepath.Dir(f.name) == dir {
			f.name = filepath.Base(f.name)
			im.add(f)
		}
	}
	return im
}

// close unmaps the pack: its contents must not be used any more.
func (p *pack) close() { unix.Munmap(p.mapped) }
