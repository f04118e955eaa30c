//go:build !linux

package testenv

import (
	"os"
	"testing"
)

// AsNobody runs f without root's right to read and write everything.
func AsNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("root reads everything: run as another user")
	}
	f()
}
