package vfs_test

import (
	"fmt"
	"math/rand/v2"
	"path"
	"runtime"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/vfs"
)

// TestDifferential does the same random calls to a Mem and to a Dir reached in
// both ways, for which the host's kernel is the judge, and compares every answer.
func TestDifferential(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the errors of calls that are wrong in two ways are Linux's")
	}
	seeds := 200
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		systems := []vfs.FS{
			vfs.NewMem(vfs.MemOptions{}),
			newDir(t, t.TempDir(), vfs.DirOptions{}),
			newDir(t, t.TempDir(), vfs.DirOptions{Portable: true}),
		}
		// The same calls for each, with the files that each has open.
		var files [3][]vfs.File
		rnd := rand.New(rand.NewPCG(uint64(seed), 1))
		for step := range 300 {
			call, what := randomCall(rnd)
			var answers [3]string
			for i, fs := range systems {
				answers[i] = call(fs, &files[i])
			}
			if answers[0] != answers[1] || answers[1] != answers[2] {
				t.Errorf("seed %d, step %d: %s\n  mem:      %s\n  dir:      %s\n  portable: %s", seed, step, what, answers[0], answers[1], answers[2])
				break
			}
		}
		for i := range files {
			for _, f := range files[i] {
				f.Close()
			}
		}
		if t.Failed() {
			return
		}
	}
}

type answer func(fs vfs.FS, files *[]vfs.File) string

// call has the arguments of any call.
type call struct {
	x, y, target string
	flag         int
	data         string
	off          int64
	which        int // of the open files
	whence       int
	mode         uint32
	follow       bool
}

func drawCall(rnd *rand.Rand) (c call) {
	elements := []string{"a", "b", "c", "d"}
	name := func() string {
		s := ""
		for range 1 + rnd.IntN(3) {
			s += "/" + elements[rnd.IntN(len(elements))]
		}
		return s
	}
	c.x, c.y = name(), name()
	c.target = strings.Repeat("../", rnd.IntN(3)) + path.Join(name()[1:])
	c.flag = []int{vfs.O_RDONLY, vfs.O_WRONLY, vfs.O_RDWR}[rnd.IntN(3)]
	for _, f := range []int{vfs.O_CREAT, vfs.O_CREAT, vfs.O_EXCL, vfs.O_TRUNC, vfs.O_APPEND, vfs.O_DIRECTORY, vfs.O_NOFOLLOW} {
		if rnd.IntN(4) == 0 {
			c.flag |= f
		}
	}
	c.data = strings.Repeat("x", rnd.IntN(6000))
	c.off, c.which, c.whence = rnd.Int64N(20000)-100, rnd.IntN(1000), rnd.IntN(3)
	c.mode, c.follow = uint32(rnd.IntN(0o1000))|0o700, rnd.IntN(2) == 0
	return c
}

// file uses one of the files that are open.
func (c call) file(files *[]vfs.File, use func(f vfs.File) string) string {
	if len(*files) == 0 {
		return "no file is open"
	}
	return use((*files)[c.which%len(*files)])
}

func errno(err error) string { return fmt.Sprint("errno ", vfs.Errno(err)) }

func describe(st vfs.Stat, err error) string {
	if err != nil {
		return errno(err)
	}
	size := st.Size
	if st.IsDir() {
		st.Nlink, size = 0, 0
	}
	return fmt.Sprintf("mode %o size %d links %d", st.Mode&(vfs.S_IFMT|0o600), size, st.Nlink)
}

// randomCall draws a call, and says what it is.
func randomCall(rnd *rand.Rand) (answer, string) {
	c := drawCall(rnd)
	which := rnd.IntN(24)
	if which < 17 {
		return c.onName(which)
	}
	return c.onFile(which)
}

// onName is a call that names a file.
func (c call) onName(which int) (answer, string) {
	switch which {
	case 0, 1, 2:
		return func(fs vfs.FS, files *[]vfs.File) string {
			f, err := fs.Open(c.x, c.flag, 0o600)
			if err == nil {
				*files = append(*files, f)
			}
			return errno(err)
		}, fmt.Sprintf("open %s %o", c.x, c.flag)
	case 3, 4:
		return func(fs vfs.FS, _ *[]vfs.File) string { return describe(fs.Stat(c.x, c.follow)) }, fmt.Sprintf("stat %s %v", c.x, c.follow)
	case 5, 6, 7:
		return func(fs vfs.FS, _ *[]vfs.File) string { return errno(fs.Mkdir(c.x, 0o700)) }, "mkdir " + c.x
	case 8:
		return func(fs vfs.FS, _ *[]vfs.File) string { return errno(fs.Unlink(c.x)) }, "unlink " + c.x
	case 9:
		return func(fs vfs.FS, _ *[]vfs.File) string { return errno(fs.Rmdir(c.x)) }, "rmdir " + c.x
	case 10, 11:
		return func(fs vfs.FS, _ *[]vfs.File) string { return errno(fs.Rename(c.x, c.y)) }, "rename " + c.x + " " + c.y
	case 12:
		return func(fs vfs.FS, _ *[]vfs.File) string { return errno(fs.Link(c.x, c.y)) }, "link " + c.x + " " + c.y
	case 13, 14:
		return func(fs vfs.FS, _ *[]vfs.File) string { return errno(fs.Symlink(c.target, c.x)) }, "symlink " + c.target + " " + c.x
	case 15:
		return func(fs vfs.FS, _ *[]vfs.File) string {
			to, err := fs.Readlink(c.x)
			return to + errno(err)
		}, "readlink " + c.x
	default:
		return func(fs vfs.FS, _ *[]vfs.File) string {
			return errno(fs.Chmod(c.x, c.mode)) + errno(fs.Truncate(c.x, c.off))
		}, fmt.Sprintf("chmod and truncate %s %d", c.x, c.off)
	}
}

// onFile is a call on an open file.
func (c call) onFile(which int) (answer, string) {
	switch which {
	case 17, 18:
		return func(fs vfs.FS, files *[]vfs.File) string {
			return c.file(files, func(f vfs.File) string {
				n, err := f.Write([]byte(c.data))
				m, err2 := f.Pwrite([]byte(c.data), c.off)
				return fmt.Sprint(n, m, errno(err), errno(err2))
			})
		}, fmt.Sprintf("write %d bytes, here and at %d", len(c.data), c.off)
	case 19, 20:
		return func(fs vfs.FS, files *[]vfs.File) string {
			return c.file(files, func(f vfs.File) string {
				buf := make([]byte, len(c.data))
				if st, err := f.Stat(); err == nil && st.IsDir() {
					// ext4 says EINVAL after a ReadDir, whose last offset is a hash.
					_, err := f.Pread(buf, c.off)
					return errno(err)
				}
				n, err := f.Read(buf)
				s := fmt.Sprint(n, strings.Count(string(buf[:n]), "x"), errno(err))
				n, err = f.Pread(buf, c.off)
				return s + fmt.Sprint(n, strings.Count(string(buf[:n]), "x"), errno(err))
			})
		}, fmt.Sprintf("read %d bytes, here and at %d", len(c.data), c.off)
	case 21:
		return func(fs vfs.FS, files *[]vfs.File) string {
			return c.file(files, func(f vfs.File) string {
				if st, err := f.Stat(); err == nil && st.IsDir() {
					return "a directory"
				}
				at, err := f.Seek(c.off, c.whence)
				return fmt.Sprint(at, errno(err), errno(f.Truncate(c.off)))
			})
		}, fmt.Sprintf("seek and truncate to %d", c.off)
	case 22:
		return func(fs vfs.FS, files *[]vfs.File) string {
			return c.file(files, func(f vfs.File) string { return describe(f.Stat()) })
		}, "fstat"
	default:
		return func(fs vfs.FS, files *[]vfs.File) string {
			return c.file(files, func(f vfs.File) string {
				_, err := f.Seek(0, vfs.SEEK_SET)
				list, err2 := f.ReadDir()
				var names []string
				for _, e := range list {
					names = append(names, fmt.Sprint(e.Name, e.Type))
				}
				// In no order of theirs.
				counts := map[string]int{}
				for _, n := range names {
					counts[n]++
				}
				return fmt.Sprint(counts, errno(err), errno(err2))
			})
		}, "read a directory"
	}
}
