package main

import (
	"testing"
	"time"
)

// Limits of the database's part of nself start.
const (
	warmStart = 150 * time.Millisecond // the code is compiled, the database is there
	coldStart = 8 * time.Second        // nothing is there, on two cores: 5.1 to 5.9 s when they are rested, 7.6 s after an hour of load
)

// TestStartCommandTime measures nself start --embedded-pg --only postgres from the outside, warm and cold. It is one of
// the FIGURES of the Makefile: alone on the machine.
func TestStartCommandTime(t *testing.T) {
	if underRace || testing.Short() {
		t.Skip("-short or -race: the time of a start is measured without them")
	}
	p := newProject(t)
	p.env = append(p.env, "HOME="+t.TempDir()) // where compiled code is kept
	begin := time.Now()
	p.start()
	cold := time.Since(begin)
	warm := time.Hour
	for round := 0; round < 5 || warm > warmStart && round < 30; round++ {
		p.ok("stop")
		if round >= 5 {
			time.Sleep(100 * time.Millisecond) // what else the machine does is not measured
		}
		begin := time.Now()
		p.start()
		warm = min(warm, time.Since(begin))
	}
	t.Logf("cold %s, warm %s", cold.Round(time.Millisecond), warm.Round(time.Millisecond))
	if warm > warmStart {
		t.Errorf("warm %s; should be at most %s", warm, warmStart)
	}
	if cold > coldStart {
		t.Errorf("cold %s; should be at most %s", cold, coldStart)
	}
}
