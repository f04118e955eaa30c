// Package promembed gives a server's statistics to Prometheus: one call for whoever has a registry.
//
//	registry.MustRegister(promembed.NewCollector(server))
//
// A metric that postgres_exporter has too has the same name and meaning here, so that dashboards and alerts made for that
// one show what they know. docs/metrics.md lists them.
package promembed

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nself.org/embeddedpg"
)

// Source is what statistics come from: an *embeddedpg.Server.
type Source interface {
	Stats(context.Context) (embeddedpg.Stats, error)
}

// timeout bounds the asking of a server, below Prometheus' own default limit of a scrape (10 s).
const timeout = 5 * time.Second

// NewCollector returns a collector that asks the source at each scrape, with a limit of 5 s. Of one that does not answer it
// tells pg_up 0 and nothing else. It is safe for concurrent use.
func NewCollector(s Source) prometheus.Collector { return collector{s} }

type collector struct{ source Source }

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	to <- up
	for _, m := range metrics {
		to <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s, err := c.source.Stats(ctx)
	if err != nil {
		to <- prometheus.MustNewConstMetric(up, prometheus.GaugeValue, 0)
		return
	}
	to <- prometheus.MustNewConstMetric(up, prometheus.GaugeValue, 1)
	for _, m := range metrics {
		m.read(s, func(v float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
		})
	}
}

var up = prometheus.NewDesc("pg_up", "Whether the server answers: 1 or 0.", nil, nil)

// metric is one family. read emits its series.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(s embeddedpg.Stats, emit emit)
}

type emit func(v float64, labels ...string)

// gauge and counter make a metric; labels are the names of what is emitted with each value.
func gauge(name, help string, read func(embeddedpg.Stats, emit), labels ...string) metric {
	return metric{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue, read}
}

func counter(name, help string, read func(embeddedpg.Stats, emit), labels ...string) metric {
	return metric{prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue, read}
}

// one reads a metric that has one series.
func one[T int | int64](value func(embeddedpg.Stats) T) func(embeddedpg.Stats, emit) {
	return func(s embeddedpg.Stats, emit emit) { emit(float64(value(s))) }
}

// each reads a metric that has a series for each database, slot and so on.
func each[E any](list func(embeddedpg.Stats) []E, value func(E) float64, labels func(E) []string) func(embeddedpg.Stats, emit) {
	return func(s embeddedpg.Stats, emit emit) {
		for _, e := range list(s) {
			emit(value(e), labels(e)...)
		}
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
