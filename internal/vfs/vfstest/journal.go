package vfstest

import (
	"compress/flate"
	"encoding/gob"
	"errors"
	"io"
)

// A Node is the identity of a file or directory, whatever its name. The root is 0.
type Node int

// Kind is what an Op does.
type Kind uint8

// The kinds of operations. Those from Create to Rename change names, those from Write to Allocate content.
const (
	Create Kind = iota // the empty file Node at Dir/Name
	Mkdir
	Link   // Dir/Name is one more name of the file Node
	Unlink // of Dir/Name, which was Node's
	Rmdir
	Rename   // from Dir/Name to Dir2/Name2, in place of what had that name
	Write    // Size bytes at Off
	Truncate // to Size
	Allocate // bytes Off to Off+Size exist
	Sync     // the file or directory Node: fsync
	DataSync // fdatasync
	LostSync // a flush of either kind that failed
)

func (k Kind) String() string {
	return [...]string{
		"create", "mkdir", "link", "unlink", "rmdir", "rename", "write", "truncate", "allocate", "fsync", "fdatasync", "failed flush",
	}[k]
}

func (k Kind) names() bool { return k <= Rename }

// An Op is one successful operation, or a flush that failed.
type Op struct {
	Kind        Kind
	Node        Node
	Dir, Dir2   Node
	Name, Name2 string
	Off, Size   int64
	Data        []byte // of a Write; nil if it wrote zeros
	Mode        uint32 // permissions, of Create and Mkdir
}

// A BaseFile is a file or directory that was there, and durable, when recording began. Directories come before
// what they hold.
type BaseFile struct {
	Path string // relative to the root, which is none of them
	Node Node
	Dir  bool
	Mode uint32
	Data []byte
}

// A Journal is all that happened to a tree since recording began. The moment after its first n operations is the
// position n.
type Journal struct {
	Base []BaseFile
	Ops  []Op
}

// SyncPoints returns the positions right after each flush.
func (j *Journal) SyncPoints() []int {
	var at []int
	for i := range j.Ops {
		if k := j.Ops[i].Kind; k == Sync || k == DataSync {
			at = append(at, i+1)
		}
	}
	return at
}

// Save writes the journal in a form for Load.
func (j *Journal) Save(w io.Writer) error {
	z, err := flate.NewWriter(w, flate.BestSpeed)
	if err != nil {
		return err
	}
	return errors.Join(gob.NewEncoder(z).Encode(j), z.Close())
}

// Load reads what Save wrote.
func Load(r io.Reader) (*Journal, error) {
	j := new(Journal)
	return j, gob.NewDecoder(flate.NewReader(r)).Decode(j)
}
