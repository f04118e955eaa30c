package testenv

import (
	"os/exec"
	"testing"
)

// Mount mounts something at a directory for the test's time, as mount(8) does with the arguments before it.
func Mount(t testing.TB, at string, args ...string) {
	t.Helper()
	if out, err := exec.Command("mount", append(args, at)...).CombinedOutput(); err != nil {
		t.Skipf("mounting needs privileges: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", at).Run() })
}
