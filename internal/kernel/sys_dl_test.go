package kernel_test

import (
	"errors"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
)

// linker is a module whose side modules are texts: "bad" ones do not load, "loose" ones do not link.
type linker struct {
	module
	prepared map[string]int
}

type fakeSide struct{ text string }

func (l linker) Side(name string, code []byte) (kernel.Side, error) {
	l.prepared[name+" "+string(code)]++
	if strings.HasPrefix(string(code), "bad") {
		return nil, errors.New("undefined symbols: everything")
	}
	return &fakeSide{string(code)}, nil
}

func (s *fakeSide) Data() (size, align uint32) { return 64, 32 }

func (s *fakeSide) Link(h kernel.Host, data uint32) (kernel.Linked, error) {
	if s.text == "loose" {
		return nil, errors.New("it does not fit")
	}
	return s, nil
}

func (s *fakeSide) Finish() [2]uint32 { return [2]uint32{70, 71} }

func (s *fakeSide) Symbol(name string) (uint32, bool) { return 72, name == "there" }

// openLibraries opens and links side modules, good ones and others.
func openLibraries(g *guest) {
	need, text := g.alloc(8), g.alloc(64)
	open := func(name string) int32 { return g.sys(abi.SYS_dlopen, g.str(name), need, text, 64) }
	fails := func(name, want string) {
		g.t.Helper()
		if r := open(name); r != -int32(abi.ENOEXEC) || !strings.HasPrefix(g.cstr(text), want) {
			g.t.Errorf("dlopen %s: %d, %q", name, r, g.cstr(text))
		}
	}
	fails("/libs/bad.so", "undefined symbols: everything")
	fails("/elsewhere/good.so", "modules are loaded only from")
	fails("/libs/../elsewhere/good.so", "modules are loaded only from")
	fails("/libsy/good.so", "modules are loaded only from")
	fails("/libs/none.so", "open /none.so: no such file")
	fails("/libs/.", "modules are loaded only from")

	id := uint32(open("/libs/good.so"))
	if id != 1 || g.u32(need) != 64 || g.u32(need+4) != 32 {
		g.t.Errorf("dlopen: %d, %d bytes aligned to %d", id, g.u32(need), g.u32(need+4))
	}
	data, finish, address := (g.alloc(128)+31)&^31, g.alloc(8), g.alloc(4)
	for _, c := range []struct {
		name string
		got  int32
		want int32
	}{
		{"symbol before linking", g.sys(abi.SYS_dlsym, id, g.str("there"), address), -int32(abi.EINVAL)},
		{"misaligned data", g.sys(abi.SYS_dllink, id, data+1, finish, text, 64), -int32(abi.EFAULT)},
		{"data outside memory", g.sys(abi.SYS_dllink, id, 0xffffffe0, finish, text, 64), -int32(abi.EFAULT)},
		{"no such id", g.sys(abi.SYS_dllink, 7, data, finish, text, 64), -int32(abi.EINVAL)},
		{"negative id", g.sys(abi.SYS_dllink, 0xffffffff, data, finish, text, 64), -int32(abi.EINVAL)},
		{"link", g.sys(abi.SYS_dllink, id, data, finish, text, 64), 0},
		{"link again", g.sys(abi.SYS_dllink, id, data, finish, text, 64), -int32(abi.EINVAL)},
		{"symbol", g.sys(abi.SYS_dlsym, id, g.str("there"), address), 0},
		{"no symbol", g.sys(abi.SYS_dlsym, id, g.str("away"), address), -int32(abi.ENOENT)},
		{"bad address", g.sys(abi.SYS_dlsym, id, g.str("there"), 0xfffffffe), -int32(abi.EFAULT)},
		{"open again", open("/libs/good.so"), int32(id)},
		{"loose", open("/libs/loose.so"), 2},
		{"link loose", g.sys(abi.SYS_dllink, 2, data, finish, text, 4), -int32(abi.ENOEXEC)},
		{"no room for a message", g.sys(abi.SYS_dlopen, g.str("/libs/bad.so"), need, 0xfffffffe, 64), -int32(abi.ENOEXEC)},
	} {
		if c.got != c.want {
			g.t.Errorf("%s: %d, want %d", c.name, c.got, c.want)
		}
	}
	if g.u32(finish) != 70 || g.u32(finish+4) != 71 || g.u32(address) != 72 || g.cstr(text) != "it " {
		g.t.Errorf("finish %d %d, address %d, message %q", g.u32(finish), g.u32(finish+4), g.u32(address), g.cstr(text))
	}
}

func TestDlopen(t *testing.T) {
	libs := vfs.NewMem(vfs.MemOptions{})
	for name, text := range map[string]string{"/good.so": "good", "/bad.so": "bad", "/loose.so": "loose"} {
		if err := libs.WriteFile(name, []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	root, err := vfs.NewNamespace(map[string]vfs.FS{"/": vfs.NewMem(vfs.MemOptions{}), "/libs": libs, "/elsewhere": libs, "/dev": vfs.NewDev()})
	if err != nil {
		t.Fatal(err)
	}
	prepared := map[string]int{}
	prog := linker{module{t, func(g *guest, _ []string) int {
		openLibraries(g)
		return 0
	}}, prepared}
	k, err := kernel.New(kernel.Config{
		FS: root, LibraryDirs: []string{"/libs"},
		Program: func(string) kernel.Module { return &prog },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	for range 2 {
		p, err := k.Run(kernel.Command{Argv: []string{"/x"}})
		if err != nil {
			t.Fatal(err)
		}
		if st := p.Wait(); st != (kernel.Status{}) {
			t.Fatal(st)
		}
	}
	if prepared["good.so good"] != 1 {
		t.Errorf("prepared %v, want good.so once", prepared)
	}
}
