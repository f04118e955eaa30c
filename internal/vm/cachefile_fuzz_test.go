package vm

import (
	"bytes"
	"testing"
)

// verify reports what is wrong with a cache file that should have the key.
func verify(file []byte, key [32]byte) error {
	r := bytes.NewReader(file)
	sum, err := readTrailer(r, r.Size(), key)
	if err != nil {
		return err
	}
	return verifyContent(r, r.Size()-trailerSize, sum)
}

// FuzzCacheFile: verify accepts exactly what trailer has made for the key, and nothing that differs from it in any byte.
func FuzzCacheFile(f *testing.F) {
	key := [32]byte{1, 2, 3}
	whole := func(artefact []byte) []byte { return append(bytes.Clone(artefact), trailer(key, artefact)...) }
	f.Add([]byte("artefact"), 0, byte(0))
	f.Add([]byte("artefact"), 3, byte(1))
	f.Add([]byte{}, 20, byte(0x80))
	f.Add(bytes.Repeat([]byte{7}, 5000), 5008, byte(4))
	f.Add(whole([]byte("nested")), 30, byte(2))
	f.Fuzz(func(t *testing.T, artefact []byte, at int, flip byte) {
		check := func(b []byte) error { return verify(b, key) }
		good := whole(artefact)
		if err := check(good); err != nil {
			t.Fatalf("what was written is refused: %v", err)
		}
		// As found on a disk, without our making.
		if err := check(artefact); err == nil && len(artefact) < trailerSize {
			t.Fatal("a file shorter than a trailer is accepted")
		}
		if at < 0 {
			at = -(at + 1)
		}
		at %= len(good)
		if flip != 0 {
			good[at] ^= flip
			if check(good) == nil {
				t.Errorf("byte %d of %d is changed and the file accepted", at, len(good))
			}
			good[at] ^= flip
		}
		if check(good[:at]) == nil && !bytes.Equal(good[:at], good) {
			t.Errorf("the first %d bytes of %d are accepted", at, len(good))
		}
		other := key
		other[at%len(other)]++
		if verify(good, other) == nil {
			t.Error("accepted for another key")
		}
	})
}
