package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// lineTaker takes the lines of files.
type lineTaker interface {
	line(text string) error
	end() error // what was there at the beginning has ended
}

// followEvery is how often a followed file is looked at.
const followEvery = 200 * time.Millisecond

// tail gives the last lines of the last file, or with lines below 0 all of all files, and with follow what is added to the last one, or
// to the file that takes its place when it is rotated, until ctx ends.
func tail(ctx context.Context, to lineTaker, files []string, lines int, follow bool) error {
	last := len(files) - 1
	for i, path := range files {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) && i < last { // rotated away meanwhile
			continue
		}
		if err != nil {
			return err
		}
		if i < last {
			err = (&lineReader{to: to}).copy(f, true)
			f.Close()
			if err != nil {
				return err
			}
			continue
		}
		return tailFile(ctx, to, f, lines, follow)
	}
	return nil
}

// tailFile is tail of the last file, which it closes.
func tailFile(ctx context.Context, to lineTaker, f *os.File, lines int, follow bool) error {
	defer func() { f.Close() }()
	if err := seekLines(f, lines); err != nil {
		return err
	}
	r := &lineReader{to: to}
	if err := r.copy(f, !follow); err != nil {
		return err
	}
	if err := to.end(); err != nil || !follow {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
		if err := r.copy(f, false); err != nil {
			return err
		}
		next, err := os.Open(f.Name())
		if errors.Is(err, fs.ErrNotExist) { // between two names of a rotation
			continue
		}
		if err != nil {
			return err
		}
		same, err := sameFile(f, next)
		if err != nil || same {
			next.Close()
			if err != nil {
				return err
			}
			continue
		}
		if err := r.copy(f, true); err != nil { // its rest
			next.Close()
			return err
		}
		f.Close()
		f = next
	}
}

// lineReader cuts what is read into lines.
type lineReader struct {
	to   lineTaker
	part strings.Builder // of a line whose end is not there yet
}

// copy reads to the present end of the file. whole says that a last line without an end is a line too.
func (r *lineReader) copy(f io.Reader, whole bool) error {
	b := bufio.NewReaderSize(f, 64<<10)
	for {
		text, err := b.ReadString('\n')
		r.part.WriteString(text)
		if err == nil || whole && r.part.Len() > 0 {
			if err := r.to.line(r.part.String()); err != nil {
				return err
			}
			r.part.Reset()
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func sameFile(a, b *os.File) (bool, error) {
	x, err := a.Stat()
	if err != nil {
		return false, err
	}
	y, err := b.Stat()
	return err == nil && os.SameFile(x, y), err
}

// seekLines goes to where the last n lines begin; n below 0 is the beginning.
func seekLines(f *os.File, n int) error {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || n < 0 {
		_, err = f.Seek(0, io.SeekStart)
		return err
	}
	const block = 64 << 10
	b := make([]byte, block)
	for at := end; at > 0; {
		from := max(0, at-block)
		piece := b[:at-from]
		if _, err := f.ReadAt(piece, from); err != nil {
			return err
		}
		for i := len(piece) - 1; i >= 0; i-- {
			if piece[i] != '\n' || from+int64(i) == end-1 { // the last line's end
				continue
			}
			if n--; n <= 0 {
				_, err := f.Seek(from+int64(i)+1, io.SeekStart)
				return err
			}
		}
		at = from
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}
