//go:build linux

package vm

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestChecked: an entry that was found intact is believed until the machine starts anew or the file changes, and no longer.
func TestChecked(t *testing.T) {
	c, err := openCache(t.TempDir(), "prog", nativeSuffix, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.store([]byte("machine code")); err != nil {
		t.Fatal(err)
	}
	intact := func() bool {
		f, err := c.open()
		if err == nil {
			f.Close()
		}
		return err == nil
	}
	noted := c.path + checkedSuffix
	if !intact() {
		t.Fatal("not intact")
	}
	if _, err := os.Stat(noted); err == nil {
		t.Error("noted right after it was written")
	}
	c.settled = -time.Hour
	if !intact() {
		t.Fatal("not intact")
	}
	first, err := os.ReadFile(noted)
	if err != nil {
		t.Fatal(err)
	}

	st, err := os.Stat(c.path)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // a tick of the file system's clock
	if err := os.WriteFile(c.path, append([]byte("Machine code"), trailer(c.key, []byte("machine code"))...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(c.path, time.Time{}, st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if intact() {
		t.Error("a change was not noticed")
	}

	f, err := os.Open(c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	id, _ := identify(f)
	for _, note := range []struct {
		text string
		want bool
	}{
		{id, true},
		{string(first), false},
		{"", false},
		{id[:len(id)/2], false},
		{strings.Replace(id, bootID(), "another-boot", 1), false},
	} {
		if err := os.WriteFile(noted, []byte(note.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := intact(); got != note.want {
			t.Errorf("with %q: intact %v", note.text, got)
		}
	}
}
