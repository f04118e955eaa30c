package promembed_test

import (
	"context"
	"fmt"
	"log"

	"github.com/prometheus/client_golang/prometheus"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/promembed"
)

func ExampleNewCollector() {
	server, err := embeddedpg.Start(context.Background(), embeddedpg.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	registry := prometheus.NewRegistry()
	registry.MustRegister(promembed.NewCollector(server))
	// http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	families, err := registry.Gather()
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "pg_up" {
			fmt.Println("pg_up", f.GetMetric()[0].GetGauge().GetValue())
		}
	}
	// Output: pg_up 1
}
