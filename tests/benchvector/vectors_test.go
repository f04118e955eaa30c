package main

import (
	"io"
	"math"
	"slices"
	"testing"
)

func TestVectors(t *testing.T) {
	v := newSource(1, 20).make(500)
	if !slices.Equal(v, newSource(1, 20).make(500)) {
		t.Error("the same seed made other vectors")
	}
	if slices.Equal(v, newSource(2, 20).make(500)) {
		t.Error("another seed made the same vectors")
	}
	for i := range v.len() {
		var square float64
		for _, x := range v.row(i) {
			square += float64(x) * float64(x)
		}
		if math.Abs(square-1) > 1e-4 {
			t.Fatalf("vector %d has the square norm %v", i, square)
		}
	}
}

func TestExact(t *testing.T) {
	s := newSource(1, 20)
	v := s.make(500)
	for _, q := range [][]float32{v.row(77), s.make(1).row(0)} {
		order := make([]int32, v.len())
		scores := make([]float64, v.len())
		for i := range order {
			order[i] = int32(i)
			for j, x := range v.row(i) {
				scores[i] += float64(x) * float64(q[j])
			}
		}
		slices.SortFunc(order, func(a, b int32) int {
			if scores[a] > scores[b] {
				return -1
			}
			return 1
		})
		if got := v.exact(q); !slices.Equal(got, order[:nearest]) {
			t.Errorf("nearest rows %v, want %v", got, order[:nearest])
		}
	}
}

func TestStream(t *testing.T) {
	v := newSource(1, 3).make(7)
	b, err := io.ReadAll(newStream(v))
	if err != nil {
		t.Fatal(err)
	}
	const row = 2 + 4 + 4 + 4 + 4 + 4*dimensions
	if want := 19 + 7*row + 2; len(b) != want {
		t.Fatalf("%d bytes, want %d", len(b), want)
	}
	last := b[19+6*row+2+4+4+4:][:4+4*dimensions]
	if !slices.Equal(last, appendVector(nil, v.row(6))) {
		t.Error("the last vector is another one")
	}
}
