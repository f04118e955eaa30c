package sessions

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestCopy takes rows out by one session and into another table by the other, in each format, and out again:
// the rows have one checksum, and both files the same bytes.
func TestCopy(t *testing.T) {
	for _, c := range []struct {
		format, options string
		rows            int
	}{
		{"text", "", 1_000_000},
		{"csv", "WITH (FORMAT csv, HEADER)", 100_000},
		{"binary", "WITH (FORMAT binary)", 100_000},
	} {
		t.Run(c.format, func(t *testing.T) {
			rows := c.rows
			if testing.Short() {
				rows /= 50 // a million rows take some seconds
			}
			a, b := pair(t)
			begin := time.Now()
			a.query(fmt.Sprintf(`CREATE TABLE source AS SELECT i, i * 0.37 AS amount, '2000-01-01'::timestamptz + i * interval '1 minute' AS at,
				CASE i %% 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN E'tab\t, line\n, "quote" and \\N' ELSE 'Größe ' || i END AS note
				FROM generate_series(1, %d) i;`, rows))
			t.Logf("made %d rows: %.0f rows/s", rows, float64(rows)/time.Since(begin).Seconds())
			b.query("CREATE TABLE target (LIKE source);")

			files := []string{filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")}
			speed := func(what string, s *session, command string) {
				t.Helper()
				begin := time.Now()
				if got := s.query(command); got != "" {
					t.Fatal(got)
				}
				took := time.Since(begin)
				t.Logf("%-4s %.0f rows/s, %.1f MB/s", what, float64(rows)/took.Seconds(), float64(size(t, files[0]))/1e6/took.Seconds())
			}
			speed("out:", a, fmt.Sprintf(`\copy source TO '%s' %s`, files[0], c.options))
			speed("in:", b, fmt.Sprintf(`\copy target FROM '%s' %s`, files[0], c.options))
			// In a table of rows of several lengths, COPY fills the gaps of earlier pages.
			speed("sorted out:", b, fmt.Sprintf(`\copy (SELECT * FROM target ORDER BY i) TO '%s' %s`, files[1], c.options))

			sum := "SELECT count(*), sum(hashtextextended(r::text, 0)), count(*) FILTER (WHERE note IS NULL) FROM %s r;"
			want := a.query(fmt.Sprintf(sum, "source"))
			if got := a.query(fmt.Sprintf(sum, "target")); got != want {
				t.Errorf("checksum %s, want %s", got, want)
			}
			if n := a.query("SELECT count(*) FROM target;"); n != fmt.Sprint(rows) {
				t.Errorf("%s rows, want %d", n, rows)
			}
			if digest(t, files[0]) != digest(t, files[1]) {
				t.Error("the files differ")
			}
		})
	}
}

// TestCopyText has each byte that text format treats specially at each place of fields of each short length: PostgreSQL's own loops were
// changed to look at sixteen bytes at a time.
func TestCopyText(t *testing.T) {
	ctx, s := testContext(t), server(t)
	c := connect(t, s)
	newSchema(t, c)
	run(t, c, "CREATE TABLE source (i int, a text, b text)")
	run(t, c, "CREATE TABLE target (LIKE source)")
	special := []string{"", "\t", "\n", "\r", "\\", "\b", "\f", "\v", "\x01", "\x1f", "|", "é", "\\.", "\r\n", "\\\\\t"}
	escapes := []string{"\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\b", `\b`, "\f", `\f`, "\v", `\v`}
	for delimiter, more := range map[string][]string{"\t": nil, "|": {"|", `\|`}} {
		escape := strings.NewReplacer(slices.Concat(escapes, more)...)
		var rows [][]any
		var text strings.Builder
		for n := range 40 {
			for at := range n + 1 {
				for _, x := range special {
					a := strings.Repeat("x", at) + x + strings.Repeat("y", n-at)
					rows = append(rows, []any{len(rows), a, x + a})
					fmt.Fprintf(&text, "%d%s%s%s%s\n", len(rows)-1, delimiter, escape.Replace(a), delimiter, escape.Replace(x+a))
				}
			}
		}
		run(t, c, "TRUNCATE source, target")
		if _, err := c.CopyFrom(ctx, pgx.Identifier{"source"}, []string{"i", "a", "b"}, pgx.CopyFromRows(rows)); err != nil { // binary
			t.Fatal(err)
		}
		options := fmt.Sprintf("WITH (DELIMITER '%s')", delimiter)
		var out strings.Builder
		if _, err := c.PgConn().CopyTo(ctx, &out, "COPY (SELECT * FROM source ORDER BY i) TO STDOUT "+options); err != nil {
			t.Fatal(err)
		}
		if got, want := out.String(), text.String(); got != want {
			i := 0
			for i < min(len(got), len(want)) && got[i] == want[i] {
				i++
			}
			t.Fatalf("delimiter %q: byte %d of COPY's output: %q, want %q", delimiter, i, got[max(0, i-60):min(len(got), i+20)], want[max(0, i-60):min(len(want), i+20)])
		}
		if _, err := c.PgConn().CopyFrom(ctx, strings.NewReader(text.String()), "COPY target FROM STDIN "+options); err != nil {
			t.Fatal(err)
		}
		if n := one[int](t, c, "SELECT count(*) FROM (SELECT * FROM source INTERSECT SELECT * FROM target)"); n != len(rows) {
			t.Errorf("delimiter %q: %d of %d rows came back", delimiter, n, len(rows))
		}
	}
}

// TestCopyFails wants nothing of a COPY with one bad row at its end, and the session to go on.
func TestCopyFails(t *testing.T) {
	a, b := pair(t)
	a.query("CREATE TABLE t (i int PRIMARY KEY);")
	file := filepath.Join(t.TempDir(), "rows")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20000 {
		fmt.Fprintln(f, i)
	}
	fmt.Fprintln(f, "not a number")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// psql 15 prints the errors of \copy, but leaves SQLSTATE as it was.
	a.is(fmt.Sprintf(`\copy t FROM '%s'`, file), `ERROR:  invalid input syntax for type integer: "not a number"`)
	b.is("SELECT count(*) FROM t;", "0")
	a.is(fmt.Sprintf(`\copy t FROM '%s' WITH (ON_ERROR ignore)`, file), "NOTICE:  1 row was skipped due to data type incompatibility")
	b.is("SELECT count(*) FROM t;", "20000")
	a.is(fmt.Sprintf(`\copy t FROM '%s' WITH (ON_ERROR ignore)`, file), `ERROR:  duplicate key value violates unique constraint "t_pkey"`)
	b.is("SELECT count(*), sum(i) FROM t;", "20000|199990000")
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

func digest(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return string(h.Sum(nil))
}
