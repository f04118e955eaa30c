package vfstest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// Names says which changes of names survive besides those that must.
type Names uint8

// The ways in which names survive.
const (
	NamesSynced    Names = iota // none: a disk that does nothing it was not asked to
	NamesJournal                // all up to a random one, in order, as a file system with a journal has it
	NamesScattered              // a random part, in any order that leaves a tree
	NamesAll                    // all
)

// Data says which changes of content survive besides those that must.
type Data uint8

// The ways in which content survives.
const (
	DataSynced  Data = iota // none
	DataOrdered             // of each file all changes up to a random one
	DataPages               // of each page of 4 KiB all changes up to a random one
	DataSectors             // of each sector of 512 bytes all changes up to a random one
	DataAll                 // all
)

// A Policy says what a power failure leaves of that which was not flushed.
type Policy struct {
	Names Names
	Data  Data
}

func (p Policy) String() string {
	return fmt.Sprintf("names %s, data %s",
		[...]string{"flushed", "by journal", "scattered", "all"}[p.Names],
		[...]string{"flushed", "in order", "torn at 4096", "torn at 512", "all"}[p.Data])
}

// RandomPolicy chooses one; each combination is possible, and that nothing but the flushed survives is the likeliest.
func RandomPolicy(rng *rand.Rand) Policy {
	if rng.IntN(5) == 0 {
		return Policy{NamesSynced, DataSynced}
	}
	return Policy{Names(rng.IntN(4)), Data(rng.IntN(5))}
}

// An Image is a tree as it is found after a power failure.
type Image struct {
	Dirs  []string // relative to the root, parents first
	Files []ImageFile
}

// An ImageFile is a regular file. Its Data is not the caller's to change and only good until the Disk advances.
type ImageFile struct {
	Path string
	Mode uint32
	Data []byte
}

// Cut returns what is left if the power goes at the present position. It changes nothing: the same rng state and
// policy give the same image.
func (d *Disk) Cut(p Policy, rng *rand.Rand) *Image {
	root := d.tree(d.kept(p.Names, rng))
	img := &Image{}
	contents := map[Node][]byte{} // a file with two names has one content
	img.add(d, root, "", func(n Node, in *inode) []byte {
		if b, ok := contents[n]; ok {
			return b
		}
		var b []byte
		switch p.Data {
		case DataSynced:
			b = in.synced
		case DataOrdered:
			b = in.prefix(rng.IntN(len(in.pending) + 1))
		case DataPages:
			b = in.torn(4096, rng)
		case DataSectors:
			b = in.torn(512, rng)
		case DataAll:
			b = in.prefix(len(in.pending))
		}
		contents[n] = b
		return b
	})
	return img
}

// kept chooses the changes of names that survive.
func (d *Disk) kept(p Names, rng *rand.Rand) []bool {
	keep := make([]bool, len(d.names))
	ordered := d.committed + rng.IntN(len(d.names)-d.committed+1)
	odds := rng.Float64()
	for i, c := range d.names {
		switch {
		case c.synced, p == NamesAll:
			keep[i] = true
		case p == NamesJournal:
			keep[i] = i < ordered
		case p == NamesScattered && rng.Float64() < odds:
			keep[i] = true
			for j := range i {
				if !keep[j] && c.restsOn(d.names[j].Op) {
					keep[i] = false
					break
				}
			}
		}
	}
	return keep
}

// tree applies the chosen changes to the tree with which recording began.
func (d *Disk) tree(keep []bool) *entry {
	root := &entry{children: map[string]*entry{}}
	dirs := map[Node]*entry{0: root}
	add := func(parent Node, name string, n Node) {
		e := &entry{node: n}
		if d.inodes[n].dir {
			if e = dirs[n]; e == nil {
				e = &entry{node: n, children: map[string]*entry{}}
				dirs[n] = e
			}
		}
		dirs[parent].children[name] = e
	}
	byPath := map[string]Node{".": 0}
	for _, b := range d.journal.Base {
		add(byPath[filepath.Dir(b.Path)], filepath.Base(b.Path), b.Node)
		if b.Dir {
			byPath[b.Path] = b.Node
		}
	}
	for i, c := range d.names {
		if !keep[i] {
			continue
		}
		switch c.Kind {
		case Create, Mkdir, Link:
			add(c.Dir, c.Name, c.Node)
		case Unlink, Rmdir:
			delete(dirs[c.Dir].children, c.Name)
		case Rename:
			delete(dirs[c.Dir].children, c.Name)
			add(c.Dir2, c.Name2, c.Node)
		}
	}
	return root
}

// add lists what is below dir, in the order of names.
func (img *Image) add(d *Disk, dir *entry, prefix string, content func(Node, *inode) []byte) {
	names := make([]string, 0, len(dir.children))
	for name := range dir.children {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		e, at := dir.children[name], filepath.Join(prefix, name)
		in := d.inodes[e.node]
		if in.dir {
			img.Dirs = append(img.Dirs, at)
			img.add(d, e, at, content)
			continue
		}
		img.Files = append(img.Files, ImageFile{Path: at, Mode: in.mode, Data: content(e.node, in)})
	}
}

// WriteTo makes the tree in the directory dir, which must not exist. Pages of zeros become holes. Nothing is flushed.
func (img *Image) WriteTo(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, name := range img.Dirs {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	for i := range img.Files {
		if err := img.Files[i].writeTo(dir); err != nil {
			return err
		}
	}
	return nil
}

func (f *ImageFile) writeTo(dir string) error {
	file, err := os.OpenFile(filepath.Join(dir, f.Path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, os.FileMode(f.Mode&0o777))
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(int64(len(f.Data))); err != nil {
		return err
	}
	const page = len(zeros)
	for at := 0; at < len(f.Data); {
		if zero(f.Data[at:min(at+page, len(f.Data))]) {
			at += page
			continue
		}
		end := at + page
		for end < len(f.Data) && !zero(f.Data[end:min(end+page, len(f.Data))]) {
			end += page
		}
		end = min(end, len(f.Data))
		if _, err := file.WriteAt(f.Data[at:end], int64(at)); err != nil {
			return err
		}
		at = end
	}
	return nil
}
