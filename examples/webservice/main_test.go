package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestDataSurvivesRestart runs the whole program twice on the same directory.
func TestDataSurvivesRestart(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	serve := func(use func(url string)) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- run(ctx, listener, data) }()
		use("http://" + listener.Addr().String() + "/notes")
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	serve(func(url string) {
		r, err := http.Post(url, "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Fatal(r.Status)
		}
	})
	serve(func(url string) {
		r, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if b, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(b), `"text":"hello"`) {
			t.Fatalf("%s %v", b, err)
		}
	})
}
