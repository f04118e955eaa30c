package backup

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"nself.org/embeddedpg/internal/fault"
)

// CreateBase makes a physical backup of the whole cluster with pg_basebackup, and with it the write-ahead log that its recovery
// needs. A temporary replication slot keeps the server from removing that log before it is copied. Where the server archives
// its log, the backup is complete once all of it up to its end is archived; if that fails, there is no backup.
func CreateBase(ctx context.Context, t Target, o CreateOptions) (*Backup, error) {
	if o.Format == "" {
		o.Format = BaseTar
	}
	dir, err := o.complete("cluster")
	if err != nil {
		return nil, err
	}
	b := &Backup{Name: o.Name, Tag: o.Tag, Format: o.Format, Base: &Base{User: t.User}}
	s, err := t.connect(ctx, "postgres")
	if err != nil {
		return nil, err
	}
	defer s.close()
	archiving, err := s.checkArchive(ctx, o.Archive)
	if err != nil {
		return nil, err
	}
	p, err := begin(dir, "base", b)
	if err != nil {
		return nil, err
	}
	defer p.discard()
	if err := basebackup(ctx, t, s, o, p); err != nil {
		return nil, err
	}
	if archiving {
		o.Progress(Progress{Stage: StageArchive, Bytes: sizeOf(p.data())})
		if err := s.waitArchived(ctx, o.Archive); err != nil {
			return nil, err
		}
	}
	o.Progress(Progress{Stage: StageFlush, Bytes: sizeOf(p.data())})
	if err := p.commit(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// user is a superuser of the cluster.
func (b *Backup) user() string {
	if b.Base == nil {
		return "postgres" // someone else's backup
	}
	return b.Base.User
}

// progressLine is what pg_basebackup --progress writes: kilobytes done and to do.
var progressLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*(\d+)/(\d+) kB`) })

func basebackup(ctx context.Context, t Target, s *session, o CreateOptions, p *partial) error {
	rows, err := s.query(ctx, "SELECT pg_catalog.current_setting('server_version'), system_identifier FROM pg_catalog.pg_control_system()")
	if err != nil {
		return err
	}
	p.b.Version, p.b.Base.System = rows[0][0], rows[0][1]
	if _, err := s.query(ctx, "SELECT pg_catalog.pg_create_physical_replication_slot($1::name, true, true)", fmt.Sprintf("nself_backup_%d", s.PID())); err != nil {
		return fmt.Errorf("reserve the write-ahead log: %w", err)
	}
	line := func(text string) {
		if m := progressLine().FindStringSubmatch(text); m != nil {
			done, _ := strconv.ParseInt(m[1], 10, 64)
			total, _ := strconv.ParseInt(m[2], 10, 64)
			o.Progress(Progress{Stage: StageCopy, Done: done << 10, Total: max(done, total) << 10, Bytes: done << 10})
		}
	}
	format := "tar"
	if o.Format == BasePlain {
		format = "plain"
	}
	err = t.telling(o.Progress).run(ctx, "", line, "pg_basebackup", "--pgdata="+p.data(), "--format="+format, "--wal-method=fetch", "--checkpoint=fast",
		"--no-sync", "--no-password", "--progress", "--label="+p.b.ID)
	if err != nil {
		return err
	}
	label, err := p.b.label(p.data())
	if err != nil {
		return err
	}
	p.b.Base.StartLSN, p.b.Base.StartWAL = label.lsn, label.wal
	return nil
}

// label is what a backup_label says: build_backup_content in src/backend/access/transam/xlogbackup.c.
type label struct{ lsn, wal string }

var startLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^START WAL LOCATION: ([0-9A-F]+/[0-9A-F]+) \(file ([0-9A-F]{24})\)$`)
})

// label reads the backup_label of a backup at path, whatever its format.
func (b *Backup) label(path string) (label, error) {
	text, err := os.ReadFile(filepath.Join(path, "backup_label"))
	if b.Format == BaseTar {
		text, err = firstOfTar(filepath.Join(path, "base.tar"), "backup_label")
	}
	if err != nil {
		return label{}, err
	}
	m := startLine().FindSubmatch(text)
	if m == nil {
		return label{}, &fault.Error{Op: "read the backup label of", Path: path, Err: errors.New("it does not say where the backup starts"), Hint: "use another backup"}
	}
	return label{string(m[1]), string(m[2])}, nil
}

// firstOfTar returns a small file of a tar file.
func firstOfTar(path, name string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil, fmt.Errorf("%s has no %s", path, name)
		}
		if err != nil {
			return nil, err
		}
		if h.Name == name {
			return io.ReadAll(io.LimitReader(r, 1<<20))
		}
	}
}

// unpack makes a data directory at data, which must not exist, of the backup. Nothing is flushed.
func (b *Backup) unpack(ctx context.Context, data string, progress func(Progress)) error {
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	total, done := sizeOf(b.Path), int64(0)
	count := func(n int64) error {
		done += n
		progress(Progress{Stage: StageCopy, Done: done, Total: total})
		return ctx.Err()
	}
	if b.Format == BasePlain {
		return copyTree(b.Path, data, count)
	}
	files, err := filepath.Glob(filepath.Join(b.Path, "*.tar"))
	if err != nil {
		return err
	}
	for _, file := range files {
		to := data
		switch name := strings.TrimSuffix(filepath.Base(file), ".tar"); name {
		case "base":
		case "pg_wal": // what pg_basebackup -X stream makes
			to = filepath.Join(data, "pg_wal")
		default: // an in-place tablespace, by its OID
			to = filepath.Join(data, "pg_tblspc", name)
		}
		if err := os.MkdirAll(to, 0o700); err != nil {
			return err
		}
		if err := untar(file, to, count); err != nil {
			return fmt.Errorf("unpack %s: %w", file, err)
		}
	}
	return nil
}

// untar unpacks directories and plain files. The tree it writes to cannot be left.
func untar(file, to string, count func(int64) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o700)
		case tar.TypeReg:
			var out *os.File
			if out, err = root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
				_, err = io.Copy(out, r)
				err = errors.Join(err, out.Close())
			}
		default:
			err = fmt.Errorf("%s is a link: the tablespaces of this backup lie outside the data directory", h.Name)
		}
		if err != nil {
			return err
		}
		if err := count(h.Size); err != nil {
			return err
		}
	}
}

func copyTree(from, to string, count func(int64) error) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		switch {
		case name == "." || name == "backup_manifest":
			return nil
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case d.Type().IsRegular():
			n, err := copyFile(p, filepath.Join(to, name))
			if err != nil {
				return err
			}
			return count(n)
		}
		return fmt.Errorf("%s is a link: the tablespaces of this backup lie outside the data directory", p)
	})
}

// copyFile copies to a new file.
func copyFile(from, to string) (int64, error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, in)
	return n, errors.Join(err, out.Close())
}

// recoverySettings end recovery where it is wanted, on a new timeline. There are no programs in the sandbox, so the
// restore_command, which recovery insists on, fails each time, and recovery takes the log from pg_wal, where
// addWAL has put it (RestoreArchivedFile in src/backend/access/transam/xlogarchive.c).
// Archiving is on without a library: what is to be archived of the new timeline waits for the next start.
func recoverySettings(o RecoverOptions) map[string]string {
	s := map[string]string{
		"restore_command": "the log is in pg_wal", "recovery_target_timeline": o.Timeline, "recovery_target_action": "promote", "hot_standby": "off",
		"archive_mode": "on", "archive_library": "", "archive_command": "",
		"primary_conninfo": "", "primary_slot_name": "", "autovacuum": "off", "fsync": "off", // all is flushed at the end
	}
	if o.Timeline == "" {
		s["recovery_target_timeline"] = "latest"
	}
	switch {
	case o.ToEnd:
	case o.Time.IsZero():
		s["recovery_target"] = "immediate"
		s["recovery_target_timeline"] = "current"
	default:
		s["recovery_target_time"] = o.Time.UTC().Format("2006-01-02 15:04:05.999999+00")
	}
	return s
}
