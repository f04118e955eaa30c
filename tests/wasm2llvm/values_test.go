package wasm2llvm_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// value is a value in the specification's tests, as wast2json writes it.
type value struct {
	Type     string          `json:"type"`
	LaneType string          `json:"lane_type"`
	Value    json.RawMessage `json:"value"`
}

// lanes returns the value's parts and the bits of each.
func (v value) lanes(t *testing.T) ([]string, int) {
	t.Helper()
	bits := map[string]int{"i8": 8, "i16": 16, "i32": 32, "f32": 32, "i64": 64, "f64": 64}
	if v.Type == "v128" {
		var parts []string
		if err := json.Unmarshal(v.Value, &parts); err != nil {
			t.Fatal(err)
		}
		return parts, bits[v.LaneType]
	}
	var s string
	if len(v.Value) > 0 {
		if err := json.Unmarshal(v.Value, &s); err != nil {
			t.Fatal(err)
		}
	}
	return []string{s}, bits[v.Type]
}

// encode returns an argument as the runner reads it. A reference to a host object has its number,
// plus 1.
func (v value) encode(t *testing.T) string {
	t.Helper()
	var b [16]byte
	parts, bits := v.lanes(t)
	if strings.HasSuffix(v.Type, "ref") {
		if parts[0] != "null" {
			n, err := strconv.ParseUint(parts[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			binary.LittleEndian.PutUint64(b[:], n+1)
		}
		return hexOf(b)
	}
	for i, part := range parts {
		n, err := parse(part)
		if err != nil {
			t.Fatal(err)
		}
		for k := range bits / 8 {
			b[i*bits/8+k] = byte(n >> (8 * k))
		}
	}
	return hexOf(b)
}

// parse reads a number, which may have a sign.
func parse(s string) (uint64, error) {
	if strings.HasPrefix(s, "-") {
		n, err := strconv.ParseInt(s, 10, 64)
		return uint64(n), err
	}
	return strconv.ParseUint(s, 10, 64)
}

func hexOf(b [16]byte) string {
	return fmt.Sprintf("%016x%016x", binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[:8]))
}

// matches reports whether the runner's answer is the value; "nan:canonical" and "nan:arithmetic"
// are sets of them.
func (v value) matches(t *testing.T, got string) bool {
	t.Helper()
	var b [16]byte
	for k := range b {
		n, err := strconv.ParseUint(got[30-2*k:32-2*k], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		b[k] = byte(n)
	}
	parts, bits := v.lanes(t)
	if strings.HasSuffix(v.Type, "ref") {
		low := binary.LittleEndian.Uint64(b[:])
		switch parts[0] {
		case "null":
			return low == 0
		case "":
			return low != 0
		}
		return strconv.FormatUint(low-1, 10) == parts[0]
	}
	for i, part := range parts {
		n := uint64(0)
		for k := range bits / 8 {
			n |= uint64(b[i*bits/8+k]) << (8 * k)
		}
		if !laneMatches(part, n, bits) {
			return false
		}
	}
	return true
}

func laneMatches(want string, n uint64, bits int) bool {
	canonical, sign := uint64(0x7fc00000), uint64(1)<<31
	if bits == 64 {
		canonical, sign = 0x7ff8000000000000, 1<<63
	}
	switch want {
	case "nan:canonical":
		return n&^sign == canonical
	case "nan:arithmetic":
		return n&canonical == canonical
	}
	w, err := parse(want)
	if err != nil {
		return false
	}
	if bits < 64 {
		w &= 1<<bits - 1
	}
	return w == n
}
