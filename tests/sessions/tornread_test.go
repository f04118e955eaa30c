package sessions

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"nself.org/embeddedpg"
)

// TestTornControlFile: a session that starts while another process writes pg_control may read a mixture of old and
// new, whose checksum is wrong. It reads again. A rare moment, held still here for a while.
func TestTornControlFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, err := embeddedpg.Start(testContext(t), embeddedpg.Config{DataDir: dir, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	name := filepath.Join(dir, "global", "pg_control")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	control, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	const torn = 40 // an offset within the checksummed part
	write := func(b byte) {
		if _, err := control.WriteAt([]byte{b}, torn); err != nil {
			t.Error(err)
		}
	}

	write(whole[torn] ^ 0xff)
	begin, hold := time.Now(), 100*time.Millisecond
	mended := time.AfterFunc(hold, func() { write(whole[torn]) })
	defer mended.Stop()
	if n := one[int](t, connect(t, s), "SELECT 1"); n != 1 {
		t.Fatal(n)
	}
	if d := time.Since(begin); d < hold {
		t.Fatalf("connected after %v, before the file was whole again", d)
	}
}
