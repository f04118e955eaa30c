package main

import (
	"context"
	"fmt"
	"math"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// pauseMetric is the distribution of how long the world was stopped for garbage collections.
const pauseMetric = "/sched/pauses/total/gc:seconds"

// kept is what the collector has to look through.
var kept [1 << 16]*[64]byte

// pauses has this program allocate, so that it collects garbage all the time, and prints the pauses without queries
// and with queries by each way.
func pauses(ctx context.Context, ways []*way, span time.Duration, rounds int) error {
	span *= time.Duration(rounds)
	fmt.Printf("%-22s %8s %10s %10s %10s\n", "queries", "pauses", "p50 us", "p99 us", "max us")
	for _, w := range append([]*way{{name: "none"}}, ways...) {
		var stop atomic.Bool
		var busy sync.WaitGroup
		var failed error
		if w.conn != nil {
			busy.Go(func() {
				for !stop.Load() && failed == nil {
					_, failed = w.conn.Exec(ctx, "SELECT sum(i) FROM generate_series(1, $1::int4) i", int32(2000))
				}
			})
		}
		before := pauseCounts()
		for end := time.Now().Add(span); time.Now().Before(end); {
			for i := range kept {
				kept[i] = new([64]byte)
			}
		}
		stop.Store(true)
		busy.Wait()
		if failed != nil {
			return fmt.Errorf("%s: %w", w.name, failed)
		}
		after := pauseCounts()
		for i, n := range before.Counts {
			after.Counts[i] -= n
		}
		total := uint64(0)
		for _, n := range after.Counts {
			total += n
		}
		fmt.Printf("%-22s %8d %10.1f %10.1f %10.1f\n", w.name, total, quantile(after, total, 0.5), quantile(after, total, 0.99), quantile(after, total, 1))
	}
	return nil
}

func pauseCounts() *metrics.Float64Histogram {
	s := []metrics.Sample{{Name: pauseMetric}}
	metrics.Read(s)
	h := s[0].Value.Float64Histogram()
	return &metrics.Float64Histogram{Counts: append([]uint64(nil), h.Counts...), Buckets: h.Buckets}
}

// quantile returns the upper bound, in us, of the bucket that holds the quantile.
func quantile(h *metrics.Float64Histogram, total uint64, q float64) float64 {
	want, sum := uint64(math.Ceil(q*float64(total))), uint64(0)
	for i, n := range h.Counts {
		if sum += n; sum >= want && n > 0 {
			return h.Buckets[i+1] * 1e6
		}
	}
	return 0
}
