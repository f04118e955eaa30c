//go:build !linux

package embeddedpg_test

import (
	"os"
	"testing"
)

// asNobody runs f without root's right to read and write everything.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("root reads everything: run as another user")
	}
	f()
}
