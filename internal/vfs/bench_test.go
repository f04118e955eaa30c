package vfs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"nself.org/embeddedpg/internal/vfs"
)

// benchTrees are file systems with a file of a few pages at a relation's name.
func benchTrees(b *testing.B) map[string]vfs.FS {
	path := b.TempDir()
	must(b, os.MkdirAll(filepath.Join(path, "base/16384"), 0o700))
	fast, portable := newDir(b, path, vfs.DirOptions{}), newDir(b, path, vfs.DirOptions{Portable: true})
	mem := vfs.NewMem(vfs.MemOptions{})
	must(b, mem.WriteFile("/base/16384/1259", make([]byte, 65536), 0o600))
	writeFile(b, fast, "/base/16384/1259", string(make([]byte, 65536)))
	return map[string]vfs.FS{
		"dir":       fast,
		"portable":  portable,
		"mem":       mem,
		"namespace": namespace(b, map[string]vfs.FS{"/": fast, "/dev": vfs.NewDev(), "/tmp": mem, "/pgsql": mem}),
	}
}

func each(b *testing.B, run func(b *testing.B, fs vfs.FS)) {
	trees := benchTrees(b)
	for _, name := range []string{"dir", "portable", "namespace", "mem"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			run(b, trees[name])
		})
	}
}

// BenchmarkOpenClose is what a backend does some 20 times before its first query.
func BenchmarkOpenClose(b *testing.B) {
	each(b, func(b *testing.B, fs vfs.FS) {
		for b.Loop() {
			f, err := fs.Open("/base/16384/1259", vfs.O_RDWR, 0)
			if err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
	})
}

func BenchmarkOpenMissing(b *testing.B) {
	each(b, func(b *testing.B, fs vfs.FS) {
		for b.Loop() {
			if _, err := fs.Open("/base/16384/1260", vfs.O_RDWR, 0); err == nil {
				b.Fatal("it is there")
			}
		}
	})
}

func BenchmarkStat(b *testing.B) {
	each(b, func(b *testing.B, fs vfs.FS) {
		for b.Loop() {
			if _, err := fs.Stat("/base/16384/1259", true); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCreateUnlink(b *testing.B) {
	each(b, func(b *testing.B, fs vfs.FS) {
		for b.Loop() {
			f, err := fs.Open("/base/16384/t1", vfs.O_RDWR|vfs.O_CREAT|vfs.O_EXCL, 0o600)
			if err != nil {
				b.Fatal(err)
			}
			f.Close()
			if err := fs.Unlink("/base/16384/t1"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPread(b *testing.B) {
	each(b, func(b *testing.B, fs vfs.FS) {
		f := open(b, fs, "/base/16384/1259", vfs.O_RDWR)
		defer f.Close()
		page := make([]byte, 8192)
		for b.Loop() {
			if _, err := f.Pread(page, 8192); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkImage makes an image of as many files as the share tree has.
func BenchmarkImage(b *testing.B) {
	files := map[string]string{}
	for i := range 1500 {
		files[fmt.Sprintf("share/%d/%d", i%30, i)] = fmt.Sprint(i)
	}
	source := archive(b, files)
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			if _, err := vfs.NewImage(source); err != nil {
				b.Fatal(err)
			}
		}
	})
	image, err := vfs.NewImage(source)
	must(b, err)
	b.Run("stat", func(b *testing.B) {
		for b.Loop() {
			if _, err := image.Stat("/share/5/5", true); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			f, err := image.Open("/share/5/5", vfs.O_RDONLY, 0)
			if err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
	})
}
