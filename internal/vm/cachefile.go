package vm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// A cache file is wasmtime's artefact, so that it can be mapped as it is, followed by a trailer:
//
//	magic     8 bytes
//	key      32 bytes   cacheKey, see cache.go
//	length    8 bytes   of the artefact, little-endian
//	checksum  4 bytes   CRC-32C of the CRC-32Cs, little-endian, of each chunkSize bytes of the artefact
//	checksum  4 bytes   CRC-32C of the trailer up to here
//
// The checksum is to find damage: a torn write, a bad disk, an editor. It is no signature, and a cryptographic hash
// would be none either: who can write the file as its owner can write the hash beside it. Against others
// stand the checks of owner and mode.
const (
	trailerMagic = "nself-vm"
	trailerSize  = 8 + 32 + 8 + 4 + 4
	chunkSize    = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func trailer(key [32]byte, artefact []byte) []byte {
	sum, err := checksum(bytes.NewReader(artefact), int64(len(artefact)))
	if err != nil {
		panic(err) // reading memory does not fail
	}
	t := make([]byte, 0, trailerSize)
	t = append(t, trailerMagic...)
	t = append(t, key[:]...)
	t = binary.LittleEndian.AppendUint64(t, uint64(len(artefact)))
	t = binary.LittleEndian.AppendUint32(t, sum)
	return binary.LittleEndian.AppendUint32(t, crc32.Checksum(t, castagnoli))
}

// readTrailer reports what is wrong with the trailer of a cache file of the given size that should have the given key, or
// returns the artefact's checksum.
func readTrailer(file io.ReaderAt, size int64, key [32]byte) (sum uint32, err error) {
	length := size - trailerSize
	if length < 0 {
		return 0, errors.New("file too short")
	}
	var t [trailerSize]byte
	if _, err := file.ReadAt(t[:], length); err != nil {
		return 0, err
	}
	end := len(t) - 4
	switch {
	case string(t[:8]) != trailerMagic:
		return 0, errors.New("no trailer")
	case crc32.Checksum(t[:end], castagnoli) != binary.LittleEndian.Uint32(t[end:]):
		return 0, errors.New("damaged trailer")
	case !bytes.Equal(t[8:40], key[:]):
		return 0, errors.New("made for another module, engine or processor")
	case binary.LittleEndian.Uint64(t[40:]) != uint64(length):
		return 0, errors.New("wrong length")
	}
	return binary.LittleEndian.Uint32(t[48:]), nil
}

// verifyContent reads the artefact, 4 ms for 21 MB on two processors, and reports whether it has the checksum.
func verifyContent(file io.ReaderAt, length int64, sum uint32) error {
	got, err := checksum(file, length)
	if err == nil && got != sum {
		err = errors.New("damaged content")
	}
	return err
}

// readArtefact returns the artefact in a cache file that has been verified.
func readArtefact(f *os.File) ([]byte, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, st.Size()-trailerSize)
	_, err = f.ReadAt(b, 0)
	return b, err
}

// checksum is that of an artefact. Each processor takes chunks: every start waits for this.
func checksum(file io.ReaderAt, length int64) (uint32, error) {
	sums := make([]byte, (length+chunkSize-1)/chunkSize*4)
	workers := min(runtime.GOMAXPROCS(0), 8)
	errs := make([]error, workers)
	var next atomic.Int64
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			buf := make([]byte, 256<<10) // fits a processor's second-level cache
			for errs[w] == nil {
				k := next.Add(1) - 1
				from := k * chunkSize
				if from >= length {
					return
				}
				sum := crc32.New(castagnoli)
				section := io.NewSectionReader(file, from, min(chunkSize, length-from))
				_, errs[w] = io.CopyBuffer(sum, onlyReader{section}, buf)
				binary.LittleEndian.PutUint32(sums[4*k:], sum.Sum32())
			}
		})
	}
	all.Wait()
	return crc32.Checksum(sums, castagnoli), errors.Join(errs...)
}

// onlyReader hides WriteTo, which would not use the buffer.
type onlyReader struct{ io.Reader }
