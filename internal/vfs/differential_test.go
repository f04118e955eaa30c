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

func randomCall(rnd *rand.Rand) (answer, string) {
	elements := []string{"a", "b", "c", "d"}
	name := func() string {
		s := ""
		for range 1 + rnd.IntN(3) {
			s += "/" + elements[rnd.IntN(len(elements))]
		}
		return s
	}
	x, y := name(), name()
	target := strings.Repeat("../", rnd.IntN(3)) + path.Join(name()[1:])
	flag := []int{vfs.O_RDONLY, vfs.O_WRONLY, vfs.O_RDWR}[rnd.IntN(3)]
	for _, f := range []int{vfs.O_CREAT, vfs.O_CREAT, vfs.O_EXCL, vfs.O_TRUNC, vfs.O_APPEND, vfs.O_DIRECTORY, vfs.O_NOFOLLOW} {
		if rnd.IntN(4) == 0 {
			flag |= f
		}
	}
	data := strings.Repeat("x", rnd.IntN(6000))
	off, which, whence := rnd.Int64N(20000)-100, rnd.IntN(1000), rnd.IntN(3)
	mode, follow := uint32(rnd.IntN(0o1000))|0o700, rnd.IntN(2) == 0
	file := func(files *[]vfs.File, use func(f vfs.File) string) string {
		if len(*files) == 0 {
			return "no file is open"
		}
		return use((*files)[which%len(*files)])
	}
	errno := func(err error) string { return fmt.Sprint("errno ", vfs.Errno(err)) }
	describe := func(st vfs.Stat, err error) string {
		if err != nil {
			return errno(err)
		}
		size := st.Size
		if st.IsDir() {
			st.Nlink, size = 0, 0
		}
		return fmt.Sprintf("mode %o size %d links %d", st.Mode&(vfs.S_IFMT|0o600), size, st.Nlink)
	}
	switch rnd.IntN(24) {
	case 0, 1, 2:
		return func(fs vfs.FS, files *[]vfs.File) string {
			f, err := fs.Open(x, flag, 0o600)
			if err == nil {
				*files = append(*files, f)
			}
			return errno(err)
		}, fmt.Sprintf("open %s %o", x, flag)
	case 3, 4:
		return func(fs vfs.FS, _ *[]vfs.File) string { return describe(fs.Stat(x, follow)) }, fmt.Sprintf("stat %s %v", x, follow)
	case 5, 6, 7:
		return func(fs vfs.FS, _ *[]vfs.File) string { return errno(fs.Mkdir(x, 0o700)) }, "mkdir " + x
	case 8:
		return func(fs vfs.FS, _ *[]vfs.File) string { return errno(fs.Unlink(x)) }, "unlink " + x
	case 9:
		return func(fs vfs.FS, _ *[]vfs.File) string { return errno(fs.Rmdir(x)) }, "rmdir " + x
	case 10, 11:
		return func(fs vfs.FS, _ *[]vfs.File) string { return errno(fs.Rename(x, y)) }, "rename " + x + " " + y
	case 12:
		return func(fs vfs.FS, _ *[]vfs.File) string { return errno(fs.Link(x, y)) }, "link " + x + " " + y
	case 13, 14:
		return func(fs vfs.FS, _ *[]vfs.File) string { return errno(fs.Symlink(target, x)) }, "symlink " + target + " " + x
	case 15:
		return func(fs vfs.FS, _ *[]vfs.File) string {
			target, err := fs.Readlink(x)
			return target + errno(err)
		}, "readlink " + x
	case 16:
		return func(fs vfs.FS, _ *[]vfs.File) string {
			return errno(fs.Chmod(x, mode)) + errno(fs.Truncate(x, off))
		}, fmt.Sprintf("chmod and truncate %s %d", x, off)
	case 17, 18:
		return func(fs vfs.FS, files *[]vfs.File) string {
			return file(files, func(f vfs.File) string {
				n, err := f.Write([]byte(data))
				m, err2 := f.Pwrite([]byte(data), off)
				return fmt.Sprint(n, m, errno(err), errno(err2))
			})
		}, fmt.Sprintf("write %d bytes, here and at %d", len(data), off)
	case 19, 20:
		return func(fs vfs.FS, files *[]vfs.File) string {
			return file(files, func(f vfs.File) string {
				buf := make([]byte, len(data))
				if st, err := f.Stat(); err == nil && st.IsDir() {
					// ext4 says EINVAL after a ReadDir, whose last offset is a hash.
					_, err := f.Pread(buf, off)
					return errno(err)
				}
				n, err := f.Read(buf)
				s := fmt.Sprint(n, strings.Count(string(buf[:n]), "x"), errno(err))
				n, err = f.Pread(buf, off)
				return s + fmt.Sprint(n, strings.Count(string(buf[:n]), "x"), errno(err))
			})
		}, fmt.Sprintf("read %d bytes, here and at %d", len(data), off)
	case 21:
		return func(fs vfs.FS, files *[]vfs.File) string {
			return file(files, func(f vfs.File) string {
				if st, err := f.Stat(); err == nil && st.IsDir() {
					return "a directory"
				}
				at, err := f.Seek(off, whence)
				return fmt.Sprint(at, errno(err), errno(f.Truncate(off)))
			})
		}, fmt.Sprintf("seek and truncate to %d", off)
	case 22:
		return func(fs vfs.FS, files *[]vfs.File) string {
			return file(files, func(f vfs.File) string { return describe(f.Stat()) })
		}, "fstat"
	default:
		return func(fs vfs.FS, files *[]vfs.File) string {
			return file(files, func(f vfs.File) string {
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
