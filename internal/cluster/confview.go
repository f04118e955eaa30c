package cluster

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"strings"
	"sync"
	"syscall"

	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
)

// confView is the postmaster's view of the files of settings: as they are on disk, but values that a guest cannot have
// are replaced by the nearest that it can, and the last words are those of the command line. The server compares them
// with what it runs with at every reload, and complains of each that differs. No other process sees this: sessions,
// and a base backup, read the files themselves.
type confView struct {
	fs   vfs.FS
	data string    // the guest's data directory
	last []setting // the command line's
	log  *slog.Logger

	mu struct {
		sync.Mutex
		files map[string]bool // guest path of a file of settings, or with a slash at the end a directory of them
		said  map[string]bool
	}
}

func newConfView(fs vfs.FS, data string, last []setting, log *slog.Logger) *confView {
	v := &confView{fs: fs, data: data, last: last, log: log}
	v.mu.files = map[string]bool{path.Join(data, confName): true, path.Join(data, autoConfName): true}
	v.mu.said = map[string]bool{}
	return v
}

// open is the postmaster's kernel.Opener.
func (v *confView) open(name string, flag int) (vfs.File, error) {
	if flag&vfs.O_ACCMODE != vfs.O_RDONLY || !v.isConf(name) {
		return nil, nil
	}
	text, err := readFile(v.fs, name)
	auto := name == path.Join(v.data, autoConfName)
	if err != nil && !(auto && errors.Is(err, syscall.ENOENT)) {
		return nil, err
	}
	return memoryFile(v.rewrite(name, text, auto))
}

func (v *confView) isConf(name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mu.files[name] || v.mu.files[path.Dir(name)+"/"]
}

// rewrite keeps every line in its place, since the server's messages name lines.
func (v *confView) rewrite(name, text string, auto bool) string {
	var b strings.Builder
	n := 0
	for line := range strings.Lines(text) {
		n++
		b.WriteString(v.line(name, n, line))
	}
	if auto {
		b.WriteString("\n")
		for _, s := range v.last {
			b.WriteString(s.String() + "\n")
		}
	}
	return b.String()
}

func (v *confView) line(name string, n int, line string) string {
	s, ok := parseLine(strings.TrimRight(line, "\r\n"))
	if !ok {
		return line
	}
	if included, dir, ok := s.include(name); ok {
		if dir {
			included += "/"
		}
		v.mu.Lock()
		v.mu.files[included] = true
		v.mu.Unlock()
		return line
	}
	value, reason, bad := s.fit()
	if !bad {
		return line
	}
	v.warn(fmt.Sprintf("%s, line %d: %s = %s: %s; using %s", name, n, s.name, s.value, reason, value))
	return setting{s.name, value}.String() + "\n"
}

// warn says each thing once: the server reads its files twice as it starts.
func (v *confView) warn(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.mu.said[text] && v.log != nil {
		v.log.Warn(text)
	}
	v.mu.said[text] = true
}

// dialedView is what a process that serves a connection of the program sees as pg_hba.conf the first time it opens it,
// which is when it decides about that connection: the rule that lets the program in. So the rule is in no file, nor in
// what SQL shows of them.
func dialedView(hba string) kernel.Opener {
	used := false
	return func(name string, _ int) (vfs.File, error) {
		if used || name != hba {
			return nil, nil
		}
		used = true
		return memoryFile(hbaProgram)
	}
}

// readFile returns what a file of the guest holds.
func readFile(fs vfs.FS, name string) (string, error) {
	f, err := fs.Open(name, vfs.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(fileReader{f}, confLimit))
	return string(b), err
}

// confLimit bounds what is read of a file of settings.
const confLimit = 16 << 20

// fileReader is an io.Reader of a vfs.File, which never says io.EOF.
type fileReader struct{ f vfs.File }

func (r fileReader) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

// memoryFile returns an open file with that content.
func memoryFile(text string) (vfs.File, error) {
	m := vfs.NewMem(vfs.MemOptions{})
	if err := m.WriteFile("/file", []byte(text), 0o400); err != nil {
		return nil, err
	}
	return m.Open("/file", vfs.O_RDONLY, 0)
}
