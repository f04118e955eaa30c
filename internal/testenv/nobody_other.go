//go:build !linux

package testenv

import (
	"os"
	"testing"
)

// Nobody is the user that AsNobody acts as where the tests run as root.
const Nobody = 65534

// AsNobody runs f without root's right to read and write everything.
func AsNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("root reads everything: run as another user")
	}
	f()
}
