package sessions

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestFloatText reads numbers as text, and compares with what Go makes of them: to the last bit. The guest's libc has
// its own reader for short numbers.
func TestFloatText(t *testing.T) {
	n := 200_000
	if testing.Short() {
		n = 20_000
	}
	texts := []string{
		"0", "-0", ".5", "5.", "1e22", "1e23", "1e27", "1e28", "1e-27", "1e-28", "9007199254740993",
		"18446744073709551615", "18446744073709551616", "1.8446744073709551616", "36893488147419103232", "3402823466385288598e20", "16777217", "8.5e0", "0.000000000000000000000001",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for len(texts) < n {
		f := math.Ldexp(random.Float64(), random.IntN(160)-80)
		w := random.Uint64() >> random.IntN(64)
		half := (1<<23|random.Uint64()>>41)<<1 | 1 // halfway between two numbers of 24 bits
		texts = append(texts,
			strconv.FormatFloat(f, 'g', -1, 64), strconv.FormatFloat(f, 'g', 1+random.IntN(19), 64),
			strconv.FormatFloat(f, 'g', -1, 32), fmt.Sprintf("%de%d", w, random.IntN(49)-30),
			fmt.Sprint(half), fmt.Sprintf("-%de-%d", half*5*5*5, 3), fmt.Sprintf("%de-%d", half*5*5*5+1, 3))
	}
	s := server(t)
	compare(t, connect(t, s), "float8", 64, texts, func(f float64) uint64 { return math.Float64bits(f) })
	compare(t, connect(t, s), "float4", 32, texts, func(f float64) uint64 { return uint64(math.Float32bits(float32(f))) })
}

func compare(t *testing.T, c *pgx.Conn, kind string, bits int, texts []string, of func(float64) uint64) {
	t.Helper()
	rows, err := c.Query(context.Background(), "SELECT x::"+kind+"::float8 FROM unnest($1::text[]) WITH ORDINALITY AS u (x, i) ORDER BY i", texts)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[float64])
	if err != nil || len(got) != len(texts) {
		t.Fatal(len(got), "of", len(texts), err)
	}
	for i, text := range texts {
		want, err := strconv.ParseFloat(text, bits)
		if err != nil {
			t.Fatal(err)
		}
		if of(got[i]) != of(want) {
			t.Errorf("%s as %s is %v, should be %v", text, kind, got[i], want)
		}
	}
}
