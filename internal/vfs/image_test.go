package vfs_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

var imageTime = time.Date(2025, 9, 25, 0, 0, 0, 0, time.UTC)

// archive makes a zip archive, every second file of which is compressed.
func archive(t testing.TB, files map[string]string) *zip.Reader {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	method := zip.Store
	for name, content := range files {
		method ^= zip.Store ^ zip.Deflate
		header := &zip.FileHeader{Name: name, Method: method, Modified: imageTime}
		if strings.HasPrefix(name, "bin/") {
			header.SetMode(0o755)
		}
		f, err := w.CreateHeader(header)
		must(t, err)
		_, err = f.Write([]byte(content))
		must(t, err)
	}
	must(t, w.Close())
	r, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	must(t, err)
	return r
}

func TestImage(t *testing.T) {
	files := map[string]string{
		"f": "x", "d/": "", "bin/postgres": "", "share/postgres.bki": strings.Repeat("bki", 1000), "share/timezone/UTC": "tz",
	}
	asMap := fstest.MapFS{"d": &fstest.MapFile{Mode: fs.ModeDir}}
	for name, content := range files {
		mode := fs.FileMode(0o600)
		if strings.HasPrefix(name, "bin/") {
			mode = 0o700
		}
		if !strings.HasSuffix(name, "/") {
			asMap[name] = &fstest.MapFile{Data: []byte(content), Mode: mode, ModTime: imageTime}
		}
	}
	for name, source := range map[string]fs.FS{"zip": archive(t, files), "fs.FS": asMap} {
		t.Run(name, func(t *testing.T) {
			i, err := vfs.NewImage(source)
			must(t, err)
			wantReadOnly(t, i)
			equal(t, "root", list(t, i, "/"), "d:bin d:d d:share f:f")
			equal(t, "share", list(t, i, "/share"), "d:timezone f:postgres.bki")
			for range 2 {
				equal(t, "content", readFile(t, i, "/share/postgres.bki"), files["share/postgres.bki"])
			}
			st := stat(t, i, "/share/postgres.bki")
			equal(t, "mode", st.Mode, vfs.S_IFREG|0o444)
			equal(t, "size", st.Size, 3000)
			equal(t, "mtime", st.Mtime.UTC(), imageTime)
			equal(t, "mode", stat(t, i, "/bin/postgres").Mode, vfs.S_IFREG|0o555)
			equal(t, "mode", stat(t, i, "/share").Mode, vfs.S_IFDIR|0o555)
			f := open(t, i, "/share/postgres.bki", vfs.O_RDONLY)
			defer f.Close()
			equal(t, "Fd", f.Fd(), -1)
			buf := make([]byte, 10)
			n, err := f.Pread(buf, 2995)
			equal(t, "pread", fmt.Sprint(n, err), "5 <nil>")
			n, err = f.Pread(buf, 1<<40)
			equal(t, "pread", fmt.Sprint(n, err), "0 <nil>")
			at, err := f.Seek(-3, vfs.SEEK_END)
			equal(t, "seek", fmt.Sprint(at, err), "2997 <nil>")
			equal(t, "rest", readAll(t, f), "bki")
			_, err = i.Readlink("/f")
			wantErrno(t, err, abi.EINVAL)
			_, err = i.Readlink("/none")
			wantErrno(t, err, abi.ENOENT)
			_, err = i.Open("/d", vfs.O_RDWR, 0)
			wantErrno(t, err, abi.EISDIR)
			_, err = i.Open("/f", vfs.O_RDONLY|vfs.O_DIRECTORY, 0)
			wantErrno(t, err, abi.ENOTDIR)
		})
	}
}

// TestImageDamaged opens a file whose bytes in the archive were changed.
func TestImageDamaged(t *testing.T) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.CreateHeader(&zip.FileHeader{Name: "f", Method: zip.Store})
	must(t, err)
	_, err = f.Write([]byte("the content of the file"))
	must(t, err)
	must(t, w.Close())
	b := buf.Bytes()
	b[bytes.Index(b, []byte("content"))] ^= 1
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	must(t, err)
	i, err := vfs.NewImage(r)
	must(t, err)
	_, err = i.Open("/f", vfs.O_RDONLY, 0)
	wantErrno(t, err, abi.EIO)
}

func TestImageBeyondItsCache(t *testing.T) {
	files := fstest.MapFS{}
	for i := range 10 {
		data := bytes.Repeat(binary.LittleEndian.AppendUint32(nil, uint32(i)), vfs.ImageCache/16)
		files[fmt.Sprint(i)] = &fstest.MapFile{Data: data}
	}
	i, err := vfs.NewImage(files)
	must(t, err)
	var wg sync.WaitGroup
	for k := range 20 {
		wg.Go(func() {
			f, err := i.Open(fmt.Sprintf("/%d", k%10), vfs.O_RDONLY, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			buf := make([]byte, 4)
			f.Pread(buf, vfs.ImageCache/4-4)
			if got := binary.LittleEndian.Uint32(buf); got != uint32(k%10) {
				t.Errorf("file %d holds %d", k%10, got)
			}
		})
	}
	wg.Wait()
}
