package main

import (
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
)

const (
	dimensions = 384
	nearest    = 10  // rows that a query asks for
	spread     = 1.0 // length of a vector's deviation from its centre, which has length 1
)

// vectors are rows of one length one after the other, each of norm 1.
type vectors []float32

func (v vectors) len() int            { return len(v) / dimensions }
func (v vectors) row(i int) []float32 { return v[i*dimensions : (i+1)*dimensions] }

// source makes vectors that lie around centres, as embeddings of texts lie around subjects: the neighbours of a vector without
// any order would be all alike, and finding them mean nothing. The same seed makes the same vectors.
type source struct {
	rng     *rand.Rand
	centres vectors
}

func newSource(seed uint64, centres int) *source {
	s := &source{rng: rand.New(rand.NewPCG(seed, 0))}
	s.centres = make(vectors, centres*dimensions)
	for i := range centres {
		s.draw(s.centres.row(i), nil, 1)
	}
	return s
}

func (s *source) make(n int) vectors {
	v := make(vectors, n*dimensions)
	for i := range n {
		s.draw(v.row(i), s.centres.row(s.rng.IntN(s.centres.len())), spread)
	}
	return v
}

// draw sets v to the centre (nil: the origin) with a gaussian deviation, normalised.
func (s *source) draw(v, centre []float32, deviation float64) {
	var square float64
	scale := deviation / math.Sqrt(dimensions)
	for i := range v {
		x := s.rng.NormFloat64() * scale
		if centre != nil {
			x += float64(centre[i])
		}
		v[i] = float32(x)
		square += x * x
	}
	norm := float32(math.Sqrt(square))
	for i := range v {
		v[i] /= norm
	}
}

// exact finds the rows of v nearest to q by the cosine, comparing it with all of them.
func (v vectors) exact(q []float32) []int32 {
	type candidate struct {
		row   int32
		score float32
	}
	best := make([]candidate, 0, nearest+1)
	for i := range v.len() {
		row := v.row(i)
		var a, b, c, d float32
		for j := 0; j < dimensions; j += 4 {
			a += row[j] * q[j]
			b += row[j+1] * q[j+1]
			c += row[j+2] * q[j+2]
			d += row[j+3] * q[j+3]
		}
		score := a + b + c + d
		if len(best) == nearest && score <= best[nearest-1].score {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, score, func(c candidate, score float32) int {
			if c.score >= score {
				return -1
			}
			return 1
		})
		best = slices.Insert(best, at, candidate{int32(i), score})
		best = best[:min(len(best), nearest)]
	}
	rows := make([]int32, len(best))
	for i, c := range best {
		rows[i] = c.row
	}
	return rows
}

// appendVector appends v in pgvector's binary format, that of vector_send.
func appendVector(b []byte, v []float32) []byte {
	b = binary.BigEndian.AppendUint16(b, dimensions)
	b = binary.BigEndian.AppendUint16(b, 0)
	for _, x := range v {
		b = binary.BigEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// text is the vectors in COPY's text format of the same columns, as clients that know no vectors send them.
func (v vectors) text() []byte {
	var b []byte
	for i := range v.len() {
		b = append(strconv.AppendInt(b, int64(i), 10), '\t')
		for j, x := range v.row(i) {
			b = append(b, "[,"[min(j, 1)])
			b = strconv.AppendFloat(b, float64(x), 'g', -1, 32)
		}
		b = append(b, ']', '\n')
	}
	return b
}

// stream is the vectors as COPY's binary format of the columns id int, v vector. It ends with io.EOF.
type stream struct {
	v    vectors
	next int
	rest []byte
	over bool
}

func newStream(v vectors) *stream {
	return &stream{v: v, rest: append([]byte("PGCOPY\n\xff\r\n\x00"), make([]byte, 8)...)}
}

func (s *stream) Read(b []byte) (int, error) {
	for len(s.rest) < len(b) && s.next < s.v.len() {
		s.rest = binary.BigEndian.AppendUint16(s.rest, 2)
		s.rest = binary.BigEndian.AppendUint32(s.rest, 4)
		s.rest = binary.BigEndian.AppendUint32(s.rest, uint32(s.next))
		s.rest = binary.BigEndian.AppendUint32(s.rest, 4+4*dimensions)
		s.rest = appendVector(s.rest, s.v.row(s.next))
		s.next++
	}
	if s.next == s.v.len() && !s.over {
		s.rest = binary.BigEndian.AppendUint16(s.rest, 0xffff)
		s.over = true
	}
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.rest)
	s.rest = s.rest[:copy(s.rest, s.rest[n:])]
	return n, nil
}
