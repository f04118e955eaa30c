package cluster

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	kB = 1 << 10
	mB = 1 << 20
	gB = 1 << 30
	tB = 1 << 40
)

// ceiling is the highest value of a setting that a server of 64 bits takes higher.
type ceiling struct {
	unit int64 // of a value that names none, in bytes
	max  int64 // in bytes
	use  int64 // in the place of more, in bytes; 0: max
}

// maxKilobytes is MAX_KILOBYTES (src/include/utils/guc.h) where size_t has 32 bits.
const maxKilobytes = math.MaxInt32 / 1024

// ceilings are the settings whose range a memory of 4 GiB makes shorter: by MAX_KILOBYTES, by the guest's stack, and by
// the room for shared memory, which those three share. tests/native compares them with what a native server says of itself.
var ceilings = map[string]ceiling{
	"autovacuum_work_mem":       {kB, maxKilobytes * kB, 0},
	"gin_pending_list_limit":    {kB, maxKilobytes * kB, 0},
	"logical_decoding_work_mem": {kB, maxKilobytes * kB, 0},
	"maintenance_work_mem":      {kB, maxKilobytes * kB, 0},
	"max_slot_wal_keep_size":    {mB, maxKilobytes * mB, 0},
	"max_stack_depth":           {kB, 3584 * kB, 0}, // guest's stack without STACK_DEPTH_SLOP
	"max_wal_size":              {mB, maxKilobytes * mB, 0},
	"min_dynamic_shared_memory": {mB, 1200 * mB, 64 * mB},
	"min_wal_size":              {mB, maxKilobytes * mB, 0},
	"shared_buffers":            {blckSz, 1400 * mB, gB},
	"wal_buffers":               {xlogBlckSz, 1200 * mB, 64 * mB},
	"wal_keep_size":             {mB, maxKilobytes * mB, 0},
	"wal_skip_threshold":        {kB, maxKilobytes * kB, 0},
	"work_mem":                  {kB, maxKilobytes * kB, 0},
}

// only are settings of which the guest has some values alone, and the value that stands in for the others.
var only = map[string]struct {
	has   []string
	other string
}{
	"io_method":   {[]string{"sync", "worker"}, "worker"},
	"lc_messages": {guestLocales, "C"},
	"lc_monetary": {guestLocales, "C"},
	"lc_numeric":  {guestLocales, "C"},
	"lc_time":     {guestLocales, "C"},
}

var guestLocales = []string{"", "c", "posix", "c.utf-8", "c.utf8"}

// fit returns the value to use of a setting that has no place in a guest, and why. ok is false for one that has.
func (s setting) fit() (value, reason string, ok bool) {
	if o, known := only[s.name]; known && !slices.Contains(o.has, strings.ToLower(s.value)) {
		return o.other, "no other value is built in", true
	}
	c, known := ceilings[s.name]
	if !known {
		return "", "", false
	}
	n, err := c.bytes(s.value)
	if err != nil || n <= float64(c.max) {
		return "", "", false // what is wrong otherwise, the server says
	}
	return size(cmp.Or(c.use, c.max)), "its address space has 32 bits", true
}

// bytes reads a value as parse_int in guc.c does: a number, decimal, octal or hexadecimal, and a unit.
func (c ceiling) bytes(value string) (float64, error) {
	number, unit := strings.TrimSpace(value), float64(c.unit)
	for _, u := range []struct {
		name string
		size float64
	}{{"kB", kB}, {"MB", mB}, {"GB", gB}, {"TB", tB}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	if n, err := strconv.ParseInt(number, 0, 64); err == nil {
		return float64(n) * unit, nil
	}
	n, err := strconv.ParseFloat(number, 64)
	return n * unit, err
}

// size writes bytes in the largest unit that is exact.
func size(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"TB", tB}, {"GB", gB}, {"MB", mB}} {
		if n%u.size == 0 {
			return fmt.Sprint(n/u.size) + u.name
		}
	}
	return fmt.Sprint(n/kB) + "kB"
}
