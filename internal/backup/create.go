package backup

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"nself.org/embeddedpg/internal/fault"
)

// CreateOptions describe a new backup.
type CreateOptions struct {
	Dir      string // of backups; "": the default
	Name     string // whose backup it is, the first part of the ID; "": the database's name, or "cluster"
	Tag      string // the last part of the ID; may be empty
	Database string // of a logical backup
	Format   Format // "": Custom
	NoSums   bool   // do not count and add up the tables: quicker, and Verify can compare nothing
	Archive  string // of a physical backup: the directory that the log must be archived to; "": no matter
	Progress func(Progress)
}

// complete fills in what Create and CreateBase share, and checks it.
func (o *CreateOptions) complete(name string) (dir string, err error) {
	if o.Name == "" {
		o.Name = strings.Map(func(r rune) rune {
			if strings.ContainsRune("/\\ \x00", r) || r > '~' || !plain().MatchString("a"+string(r)) {
				return '-'
			}
			return r
		}, name)
		if !plain().MatchString(o.Name) {
			o.Name = "database"
		}
	}
	if err := checkWord("name", o.Name); err != nil {
		return "", err
	}
	if o.Tag != "" {
		if err := checkWord("tag", o.Tag); err != nil {
			return "", err
		}
	}
	if o.Format.extension() == "" {
		return "", &fault.Error{Op: "use the format", Path: string(o.Format), Err: errors.New("there is no such format"), Hint: "use custom, plain, directory or tar"}
	}
	o.Progress = oneAtATime(o.Progress)
	return place(o.Dir)
}

// Create makes a logical backup of one database with pg_dump. The dump, and the numbers that Verify compares, show one
// snapshot, whatever else happens in the database. If ctx ends, or anything fails, nothing is left but what Prune
// removes.
func Create(ctx context.Context, t Target, o CreateOptions) (*Backup, error) {
	if o.Format == "" {
		o.Format = Custom
	}
	dir, err := o.complete(o.Database)
	if err != nil {
		return nil, err
	}
	b := &Backup{Name: o.Name, Tag: o.Tag, Format: o.Format, Database: o.Database}
	s, err := t.connect(ctx, o.Database)
	if err != nil {
		return nil, err
	}
	defer s.close()
	p, err := begin(dir, "full", b)
	if err != nil {
		return nil, err
	}
	defer p.discard()
	if err := dump(ctx, t, s, o, p); err != nil {
		return nil, err
	}
	o.Progress(Progress{Stage: StageFlush, Bytes: sizeOf(p.data())})
	if err := p.commit(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// dump runs pg_dump, and adds up the tables in the same snapshot beside it.
func dump(ctx context.Context, t Target, s *session, o CreateOptions, p *partial) error {
	if err := s.exec(ctx, append(asText, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")...); err != nil {
		return err
	}
	snapshot, err := s.one(ctx, "SELECT pg_catalog.pg_export_snapshot()")
	if err != nil {
		return err
	}
	if p.b.Version, err = s.one(ctx, "SELECT pg_catalog.current_setting('server_version')"); err != nil {
		return err
	}
	if p.b.Contents, err = readContents(ctx, s); err != nil {
		return err
	}
	tables, err := tableNames(ctx, s)
	if err != nil {
		return err
	}
	meter, err := newDumpMeter(ctx, s, o.Progress, p.data())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var sumErr error
	var wg sync.WaitGroup
	if !o.NoSums {
		wg.Go(func() {
			p.b.Tables, sumErr = sumTables(ctx, s, tables, func(done int) {
				o.Progress(Progress{Stage: StageSum, Done: int64(done), Total: int64(len(tables))})
			})
			if sumErr != nil {
				cancel()
			}
		})
	}
	stop := meter.watch(ctx, t, o.Database)
	defer stop()
	err = t.telling(o.Progress).run(ctx, o.Database, meter.line, "pg_dump", "--verbose", "--no-password", "--no-sync", "--snapshot="+snapshot,
		"--format="+string(o.Format), "--file="+p.data())
	stop()
	if err != nil {
		cancel()
	} else {
		meter.end()
	}
	wg.Wait()
	if sumErr != nil && !errors.Is(sumErr, context.Canceled) {
		return sumErr
	}
	if err != nil {
		return err
	}
	return sumErr
}

// sizeOf adds up the files at path.
func sizeOf(path string) int64 {
	var n int64
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if st, err := d.Info(); err == nil {
				n += st.Size()
			}
		}
		return nil
	})
	return n
}
