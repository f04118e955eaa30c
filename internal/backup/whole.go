package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"nself.org/embeddedpg/internal/fault"
)

// checkWhole refuses a dump that someone else made if some of it is missing. What is ours has checksums instead. pg_restore
// itself finds a custom one that was cut. In a tar file or a directory it takes the part of a table that is there for all of it.
func (b *Backup) checkWhole(ctx context.Context, incomplete bool) (err error) {
	switch b.Format {
	case Plain:
		text, err := readScript(ctx, b.Path)
		if err != nil {
			return err
		}
		return text.check(b.Path, incomplete)
	case Tar:
		err = wholeTar(ctx, b.Path)
	case Directory:
		err = wholeDirectory(ctx, b.Path)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	return &fault.Error{Op: "restore", Path: b.Path, Err: fmt.Errorf("%w: %w", ErrDamaged, err), Hint: "make the dump again; nothing was changed"}
}

// tarEnd is how a tar file ends: two blocks of zeros (_CloseArchive in src/bin/pg_dump/pg_backup_tar.c).
const tarEnd = 1024

func wholeTar(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := &cancelable{ctx, f}
	r := tar.NewReader(in)
	for {
		_, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			return err
		}
	}
	end := make([]byte, tarEnd)
	if _, err := f.Seek(-tarEnd, io.SeekEnd); err != nil {
		return err
	}
	if _, err := io.ReadFull(f, end); err != nil {
		return err
	}
	if bytes.ContainsFunc(end, func(r rune) bool { return r != 0 }) {
		return errors.New("the end of the tar file is missing")
	}
	return nil
}

// wholeDirectory looks at the files of tables. The data of COPY ends with a line of its own (dumpTableData_copy in
// src/bin/pg_dump/pg_dump.c), that of INSERT with a semicolon; a compressed file has a checksum at its end.
func wholeDirectory(ctx context.Context, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "[0-9]*.dat*"))
	if err != nil {
		return err
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		var in io.Reader = &cancelable{ctx, f}
		switch filepath.Ext(path) {
		case ".gz":
			if in, err = gzip.NewReader(in); err == nil {
				_, err = io.Copy(io.Discard, in)
			}
		case ".dat":
			err = wholeData(f)
		}
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	}
	return nil
}

func wholeData(f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	const insert = "INSERT "
	begin, end := make([]byte, min(st.Size(), int64(len(insert)))), make([]byte, min(st.Size(), 5))
	if _, err := f.ReadAt(begin, 0); err != nil && err != io.EOF {
		return err
	}
	if _, err := f.ReadAt(end, st.Size()-int64(len(end))); err != nil && err != io.EOF {
		return err
	}
	whole := strings.HasSuffix(string(end), "\\.\n\n\n") || string(end) == "\n\n" // the second: INSERT of no rows
	if string(begin) == insert {
		whole = strings.HasSuffix(string(end), ";\n\n\n")
	}
	if !whole {
		return io.ErrUnexpectedEOF
	}
	return nil
}
