package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// table is one group of figures: a row for each thing measured, a column for each server.
type table struct {
	title, unit, note string
	higher            bool // higher is better
	columns, rows     []string
	values            map[[2]string]float64
}

func newTable(title, unit string, higher bool, all []contestant, note string) table {
	t := table{title: title, unit: unit, note: note, higher: higher, values: map[[2]string]float64{}}
	for _, c := range all {
		t.columns = append(t.columns, c.name)
	}
	return t
}

func (t *table) set(row, column string, value float64) {
	known := false
	for _, r := range t.rows {
		known = known || r == row
	}
	if !known {
		t.rows = append(t.rows, row)
	}
	t.values[[2]string{row, column}] = value
}

func (t *table) get(row, column string) float64 {
	if v, ok := t.values[[2]string{row, column}]; ok {
		return v
	}
	return math.NaN()
}

// mean adds a row with the geometric means of the rows there are, but for one.
func (t *table) mean(row, except string) {
	rows := t.rows
	for _, c := range t.columns {
		sum, n := 0.0, 0
		for _, r := range rows {
			if r != except {
				sum += math.Log(t.get(r, c))
				n++
			}
		}
		t.set(row, c, math.Exp(sum/float64(n)))
	}
}

func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// ratio compares the first column with the second: above 1 the first is better.
func (t *table) ratio(row string) string {
	a, b := t.get(row, t.columns[0]), t.get(row, t.columns[1])
	if !t.higher {
		a, b = b, a
	}
	if math.IsNaN(a / b) {
		return "–"
	}
	return fmt.Sprintf("%.2f", a/b)
}

func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s (%s)\n\n%s\n\n", t.title, t.unit, t.note)
	fmt.Fprintf(&b, "| | %s | against native |\n|---|%s---|\n", strings.Join(t.columns, " | "), strings.Repeat("---|", len(t.columns)))
	for _, r := range t.rows {
		fmt.Fprintf(&b, "| %s |", r)
		for _, c := range t.columns {
			fmt.Fprintf(&b, " %s |", number(t.get(r, c)))
		}
		fmt.Fprintf(&b, " %s |\n", t.ratio(r))
	}
	return b.String()
}

// svg draws the table as bars, each row's relative to its largest.
func (t *table) svg() string {
	const left, bar, wide, gap = 260, 14, 420, 10
	colours := []string{"#2f6f9f", "#8a8a8a", "#c98b2b"}
	group := len(t.columns)*bar + gap
	height := 40 + len(t.rows)*group
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n", left+wide+110, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	for i, c := range t.columns {
		fmt.Fprintf(&b, `<rect x="%d" y="10" width="10" height="10" fill="%s"/><text x="%d" y="19">%s</text>`+"\n", left+i*110, colours[i], left+i*110+15, c)
	}
	for i, r := range t.rows {
		top := 36 + i*group
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-8, top+len(t.columns)*bar/2+4, strings.ReplaceAll(r, "&", "&amp;"))
		most := 0.0
		for _, c := range t.columns {
			if v := t.get(r, c); v > most {
				most = v
			}
		}
		for j, c := range t.columns {
			v := t.get(r, c)
			if math.IsNaN(v) {
				continue
			}
			w := v / most * wide
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d">%s</text>`+"\n",
				left, top+j*bar, w, bar-2, colours[j], left+w+4, top+j*bar+bar-4, number(v))
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// write makes the page and its pictures, in a folder of the page's name beside it.
func write(page string, tables []table, machine string, o options) error {
	pictures := strings.TrimSuffix(page, ".md")
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks\n\nMade by `make benchmarks` (time %d s, rounds %d) on %s, on %s. Native is Debian's PostgreSQL 18 with the same settings and fsync on. "+
		"In the last column native's figure is 1 and more is better for us. Run it on your machine: the ratios move with it.\n\n",
		o.seconds, o.rounds, time.Now().Format("2006-01-02"), machine)
	for _, t := range tables {
		name := strings.ReplaceAll(strings.ToLower(t.title), " ", "-") + ".svg"
		if err := os.WriteFile(filepath.Join(pictures, name), []byte(t.svg()), 0o644); err != nil {
			return err
		}
		higher := "shorter is better"
		if t.higher {
			higher = "longer is better"
		}
		fmt.Fprintf(&b, "%s\n![%s: bars relative to each row's largest, %s](%s/%s)\n\n", t.markdown(), t.title, higher, filepath.Base(pictures), name)
	}
	return os.WriteFile(page, []byte(b.String()), 0o644)
}
