package image

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
)

// pack compresses as wasm/compress.sh does, in so many frames.
func pack(t *testing.T, content []byte, frames int) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	each := (len(content) + frames - 1) / frames
	for from := 0; from < len(content); from += each {
		out = append(out, e.EncodeAll(content[from:min(len(content), from+each)], nil)...)
	}
	return out
}

// text is something that can be compressed, with long runs of one byte.
func text(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 0, n)
	for len(b) < n {
		b = append(b, bytes.Repeat([]byte{byte(r.IntN(30))}, 1+r.IntN(9)*r.IntN(60_000))...)
	}
	return b[:n]
}

func TestCompressed(t *testing.T) {
	content := text(3_000_000)
	ids := map[string]bool{}
	for _, frames := range []int{1, 2, 5} {
		packed := pack(t, content, frames)
		c, err := open(fstest.MapFS{"f": {Data: packed}}, "f")
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, c.Size())
		if err := c.Decode(got); err != nil || !bytes.Equal(got, content) || len(c.frames) != frames {
			t.Errorf("%d frames as %d: equal %v, %v", frames, len(c.frames), bytes.Equal(got, content), err)
		}
		if c.Decode(got[1:]) == nil {
			t.Error("decompressed into too little")
		}
		ids[c.ID()] = true
	}
	content[0]++
	c, err := open(fstest.MapFS{"f": {Data: pack(t, content, 1)}}, "f")
	if err != nil {
		t.Fatal(err)
	}
	if ids[c.ID()] = true; len(ids) != 4 {
		t.Error("different content has equal names")
	}
}

func TestCompressedDamage(t *testing.T) {
	packed := pack(t, text(500_000), 3)
	for _, tt := range []struct {
		name string
		file []byte
	}{
		{"empty", nil},
		{"another format", []byte("\x00asm\x01\x00\x00\x00")},
		{"cut in a header", packed[:3]},
		{"cut in a block", packed[:len(packed)/2]},
		{"without its last checksum", packed[:len(packed)-4]},
		{"with something behind", append(bytes.Clone(packed), "more"...)},
	} {
		if _, err := open(fstest.MapFS{"f": {Data: tt.file}}, "f"); !errors.Is(err, errFrames) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	packed[len(packed)-1]++ // a checksum
	c, err := open(fstest.MapFS{"f": {Data: packed}}, "f")
	if err != nil {
		t.Fatal(err)
	}
	if c.Decode(make([]byte, c.Size())) == nil {
		t.Error("damage is not noticed")
	}
}
