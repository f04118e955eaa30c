package main

import (
	"bytes"
	"crypto/md5" // LLVM's hash of a function's name
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/wasm2llvm"
)

// The sections of LLVM's instrumentation, and a record of the first: __llvm_profile_data in
// InstrProfData.inc of LLVM 22, without value profiles.
const (
	dataSection     = "__llvm_prf_data"
	countersSection = "__llvm_prf_cnts"
)

type record struct {
	Name, Hash uint64
	Counters   uint64 // where they are, from the record's own place
	Bitmap     uint64
	Function   uint64
	Values     uint64
	Count      uint32
	Sites      [3]uint16
	_          uint16
	BitmapSize uint32
}

// stackDepth is the import that native.sh makes inline.
const stackDepth = "env.stackdepth"

// writeProfiles writes a profile of each module that has an image in the folder.
func writeProfiles(images, out string) error {
	for _, m := range []image.Module{image.Postgres, image.Initdb, image.Tools} {
		file := filepath.Join(images, m.Hash+".so")
		if _, err := os.Stat(file); err != nil {
			continue // the caller knows which it made
		}
		wasm, err := m.Wasm()
		if err != nil {
			return err
		}
		p, err := profileOf(file, wasm)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		p.Module = m.Hash
		if err := write(filepath.Join(out, m.Name+".zst"), p); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, p *wasm2llvm.Profile) error {
	var text bytes.Buffer
	if _, err := p.WriteTo(&text); err != nil {
		return err
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	b := z.EncodeAll(text.Bytes(), nil)
	ran := 0
	for _, f := range p.Functions {
		for _, c := range f.Counters {
			if c != 0 {
				ran++
				break
			}
		}
	}
	fmt.Printf("%s: %d functions, %d of them ran; %d bytes\n", filepath.Base(path), len(p.Functions), ran, len(b))
	return os.WriteFile(path, b, 0o644)
}

// profileOf makes a module's profile of the counters in this process's memory.
func profileOf(file string, wasm []byte) (*wasm2llvm.Profile, error) {
	m, err := wasm2llvm.Parse(wasm)
	if err != nil {
		return nil, err
	}
	records, counters, err := readImage(file)
	if err != nil {
		return nil, err
	}
	p := &wasm2llvm.Profile{}
	for i := range m.Functions() {
		key, err := m.Key(i, wasm2llvm.Options{StackDepth: stackDepth})
		if err != nil {
			return nil, err
		}
		sum := md5.Sum([]byte(m.Symbol(i)))
		f := wasm2llvm.FunctionProfile{Key: key}
		if r, ok := records[binary.LittleEndian.Uint64(sum[:])]; ok {
			f.Hash = r.Hash
			f.Counters = counters[r.Counters/8:][:r.Count]
		}
		p.Functions = append(p.Functions, f)
	}
	return p, nil
}

// readImage returns the records of an image by the hashes of their names, with the places of their
// counters, and the counters.
func readImage(file string) (map[uint64]record, []uint64, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, counters := f.Section(dataSection), f.Section(countersSection)
	if data == nil || counters == nil {
		return nil, nil, errors.New("an image without counters")
	}
	places, err := loadedAt(file)
	if err != nil {
		return nil, nil, err
	}
	sums := make([]uint64, counters.Size/8)
	for _, at := range places {
		b, err := readMemory(at+int64(counters.Addr), counters.Size)
		if err != nil {
			return nil, nil, err
		}
		for i := range sums {
			sums[i] += binary.LittleEndian.Uint64(b[8*i:])
		}
	}
	b, err := data.Data()
	if err != nil {
		return nil, nil, err
	}
	records := map[uint64]record{}
	for at := uint64(0); at+uint64(binary.Size(record{})) <= data.Size; at += uint64(binary.Size(record{})) {
		var r record
		if err := binary.Read(bytes.NewReader(b[at:]), binary.LittleEndian, &r); err != nil {
			return nil, nil, err
		}
		r.Counters += data.Addr + at - counters.Addr
		if r.Counters+8*uint64(r.Count) > counters.Size {
			return nil, nil, fmt.Errorf("the record at %#x has counters outside %s", at, countersSection)
		}
		records[r.Name] = r
	}
	return records, sums, nil
}
