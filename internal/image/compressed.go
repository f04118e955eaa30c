package image

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// Compressed is a file of zstd frames, each of which names the size of its content and ends with
// its checksum, as wasm/compress.sh makes them: several frames, so that several processors
// decompress side by side.
type Compressed struct {
	file   io.ReaderAt
	frames []frame
	size   int64
	id     string
}

// frame is a frame's place in the file, and its content's in all of the content.
type frame struct {
	from, len      int64
	to, contentLen int64
}

var errFrames = errors.New("not a file of zstd frames with sizes and checksums")

func open(files fs.FS, name string) (*Compressed, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	at, ok := f.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("%s: cannot be read at random", name)
	}
	c, err := newCompressed(at, st.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// newCompressed finds the frames. It reads their headers, those of their blocks, and their checksums.
func newCompressed(file io.ReaderAt, size int64) (*Compressed, error) {
	c := &Compressed{file: file}
	id := sha256.New()
	for at := int64(0); at < size; {
		f, sum, err := readFrame(file, at)
		if err != nil {
			return nil, err
		}
		f.to = c.size
		c.size += f.contentLen
		at += f.len
		c.frames = append(c.frames, f)
		fmt.Fprintln(id, f, sum)
	}
	if len(c.frames) == 0 {
		return nil, errFrames
	}
	c.id = hex.EncodeToString(id.Sum(nil))
	return c, nil
}

// maxContent keeps nonsense out.
const maxContent = 1 << 30

func readFrame(file io.ReaderAt, at int64) (f frame, sum uint32, err error) {
	var b [zstd.HeaderMaxSize]byte
	n, err := file.ReadAt(b[:], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return f, 0, err
	}
	var h zstd.Header
	if err := h.Decode(b[:n]); err != nil || h.Skippable || !h.HasFCS || !h.HasCheckSum || h.FrameContentSize > maxContent {
		return f, 0, errFrames
	}
	next := at + int64(h.HeaderSize)
	for last := false; !last; {
		if _, err := file.ReadAt(b[:3], next); err != nil {
			return f, 0, errFrames
		}
		block := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		last = block&1 != 0
		length := int64(block >> 3)
		if block>>1&3 == 1 { // one byte, so many times
			length = 1
		}
		next += 3 + length
	}
	if _, err := file.ReadAt(b[:4], next); err != nil {
		return f, 0, errFrames
	}
	f = frame{from: at, len: next + 4 - at, contentLen: int64(h.FrameContentSize)}
	return f, binary.LittleEndian.Uint32(b[:]), nil
}

// Size returns the size of the content.
func (c *Compressed) Size() int64 { return c.size }

// ID returns what differs for different content.
func (c *Compressed) ID() string { return c.id }

// Decode writes the content, which is checked, to b of that size.
func (c *Compressed) Decode(b []byte) error {
	if int64(len(b)) != c.size {
		return fmt.Errorf("decompress %d bytes into %d", c.size, len(b))
	}
	workers := min(runtime.GOMAXPROCS(0), len(c.frames))
	errs := make([]error, workers)
	var next atomic.Int64
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
			if err != nil {
				errs[w] = err
				return
			}
			defer d.Close()
			for errs[w] == nil {
				k := int(next.Add(1) - 1)
				if k >= len(c.frames) {
					return
				}
				errs[w] = c.decodeFrame(d, c.frames[k], b)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (c *Compressed) decodeFrame(d *zstd.Decoder, f frame, b []byte) error {
	packed := make([]byte, f.len)
	if _, err := c.file.ReadAt(packed, f.from); err != nil {
		return err
	}
	end := f.to + f.contentLen
	out, err := d.DecodeAll(packed, b[f.to:f.to:end])
	if err == nil && int64(len(out)) != f.contentLen {
		err = errFrames
	}
	return err
}
