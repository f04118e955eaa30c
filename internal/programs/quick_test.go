package programs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/programs"
	"nself.org/embeddedpg/internal/vm"
)

// TestQuick: the quickly compiled server is replaced by the good one, and Close does not wait for that.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: compiling the server twice takes half a minute")
	}
	cache := t.TempDir()
	load := func() (*programs.Set, func() bool) {
		e, err := programs.Load(context.Background(), programs.Options{CacheDir: cache, Server: true, Quick: true})
		if err != nil {
			t.Fatal(err)
		}
		return e, func() bool { return e.Program("/pgsql/bin/postgres").(*vm.Module).Quick() }
	}
	first, quick := load()
	if !quick() {
		t.Error("the first server is not the quickly compiled one")
	}
	improved := make(chan error, 1)
	go func() { improved <- first.Improve() }()
	time.Sleep(500 * time.Millisecond) // it compiles now, for seconds
	begin := time.Now()
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if d := time.Since(begin); d > time.Second {
		t.Error("Close took", d)
	}
	second, quick := load() // beside the first one's compiler, for whose work it waits
	defer second.Close()
	if !quick() {
		t.Error("the second server is not the quickly compiled one")
	}
	if err := errors.Join(second.Improve(), <-improved); err != nil {
		t.Error(err)
	}
	if quick() {
		t.Error("the server was not improved")
	}
	third, quick := load()
	defer third.Close()
	if quick() {
		t.Error("a later server is a quick one")
	}
}
