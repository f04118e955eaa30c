package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/offsite"
	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/hostdir"
)

// Where backups go that leave the machine, and what seals them.
const (
	storeVariable    = "BACKUP_STORE"
	endpointVariable = "BACKUP_S3_ENDPOINT"
	keyVariable      = "BACKUP_KEY"
)

// store opens the object store. Its keys are those of AWS's own variables or files.
func (b *backups) store(url string) (*offsite.Store, error) {
	c := offsite.Config{
		URL: cmp.Or(url, b.Get(storeVariable)), Endpoint: cmp.Or(b.Get(endpointVariable), b.Get("AWS_ENDPOINT_URL")),
		Region:    cmp.Or(b.Get("AWS_REGION"), b.Get("AWS_DEFAULT_REGION")),
		AccessKey: b.Get("AWS_ACCESS_KEY_ID"), SecretKey: b.Get("AWS_SECRET_ACCESS_KEY"), Token: b.Get("AWS_SESSION_TOKEN"),
	}
	if c.URL == "" {
		return nil, &embeddedpg.Error{Op: "find the store of backups", Err: errors.New("none is named"), Hint: "set " + storeVariable + "=s3://bucket/prefix in .env, and " + endpointVariable + " if it is not AWS's"}
	}
	return offsite.Open(c)
}

// keyFile is where the key is.
func (b *backups) keyFile() (string, error) {
	if path := b.Get(keyVariable); path != "" {
		if !filepath.IsAbs(path) {
			path = filepath.Join(b.Dir, path)
		}
		return path, nil
	}
	home, err := hostdir.Home()
	return filepath.Join(home, ".nself", "backup.key"), err
}

// key reads the key. With make there is a new one if there was none, and the person is told what to do with it.
func (b *backups) key(make bool, w io.Writer) (*offsite.Key, error) {
	path, err := b.keyFile()
	if err != nil {
		return nil, err
	}
	k, err := offsite.ReadKey(path)
	if make && errors.Is(err, offsite.ErrNoKey) {
		if k, err = offsite.MakeKey(path); err == nil {
			fmt.Fprintf(w, "Made the key %s. Keep a copy of it elsewhere: without it nobody can read these backups.\n", path)
		}
	}
	return k, err
}

// sealed is a store and the key to what is in it.
func (b *backups) sealed(url string, w io.Writer) (s *offsite.Store, k *offsite.Key, err error) {
	if s, err = b.store(url); err == nil {
		k, err = b.key(false, w)
	}
	return s, k, err
}

func (b *backups) newPush() *cobra.Command {
	var url string
	c := &cobra.Command{
		Use:   "push [ID|latest]",
		Short: "Store a backup in an object store, sealed",
		Long: `Store a backup in an object store that speaks S3 (AWS, MinIO, Ceph, R2, B2 ...), sealed with age, and
read it back. It counts as stored once what was read back is what was sent.

The store is BACKUP_STORE=s3://bucket/prefix, and BACKUP_S3_ENDPOINT=https://host unless it is AWS's.
The keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment or .env, or those in
~/.aws/credentials; AWS_REGION if the store wants one. What seals backups is in ~/.nself/backup.key, or
the file that BACKUP_KEY names. The first push makes it: keep a copy elsewhere.`,
		Example: `  nself backup create && nself backup push
  nself backup push latest --store s3://elsewhere/shop`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: b.completeIDs,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := b.store(url)
			if err != nil {
				return err
			}
			found, err := b.find(cmd.Context(), which(args))
			if err != nil {
				return err
			}
			k, err := b.key(true, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			begin := time.Now()
			show := newBackupProgress(cmd.ErrOrStderr())
			err = s.Push(cmd.Context(), k, found, show.bytes)
			show.end()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Backup %s is stored, and was read back (%s, %s).\n", found.ID, size(found.Size), time.Since(begin).Round(time.Millisecond))
			return nil
		},
	}
	storeFlag(c, &url)
	return c
}

func (b *backups) newPull() *cobra.Command {
	var url string
	c := &cobra.Command{
		Use:   "pull [ID|latest]",
		Short: "Get a backup from an object store",
		Long: `Get a backup from the object store into the directory of backups, from where restore and verify take
it. It is there only once all its files are what their checksums say. On another machine it needs
the store, its keys, the key that sealed it, and the project's name: see push.`,
		Example: `  nself backup pull latest --name shop
  nself backup restore latest --name shop --data-dir /srv/shop/pgdata`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, k, err := b.sealed(url, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			dir, name, err := b.place()
			if err != nil {
				return err
			}
			show := newBackupProgress(cmd.ErrOrStderr())
			found, err := s.Pull(cmd.Context(), k, name, which(args), dir, show.bytes)
			show.end()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Backup %s is here (%s).\n  %s\n", found.ID, size(found.Size), found.Path)
			return nil
		},
	}
	storeFlag(c, &url)
	return c
}

// which is the backup that a command's arguments name.
func which(args []string) string {
	if len(args) == 0 {
		return backup.Latest
	}
	return args[0]
}

func storeFlag(c *cobra.Command, url *string) {
	c.Flags().StringVar(url, "store", "", "the object store, as s3://bucket/prefix; default: BACKUP_STORE")
}

// remoteFlag is that of commands which look at the directory of backups otherwise.
func remoteFlag(c *cobra.Command, remote *bool) {
	c.Flags().BoolVar(remote, "remote", false, "in the object store (BACKUP_STORE), and not in the directory of backups")
}

// bytes is show for package offsite.
func (p *backupProgress) bytes(stage backup.Stage, done, total int64) {
	p.show(backup.Progress{Stage: stage, Done: done, Total: total})
}

// listRemote is list --remote.
func (b *backups) listRemote(ctx context.Context, w io.Writer, asJSON bool) error {
	s, err := b.store("")
	if err != nil {
		return err
	}
	_, name, err := b.place()
	if err != nil {
		return err
	}
	found, err := s.List(ctx, name)
	if err != nil {
		return err
	}
	if asJSON {
		list := []listed{}
		for _, f := range found {
			list = append(list, listed{ID: f.ID, Name: f.Name, Created: f.Created, Size: f.Size, Path: strings.TrimSuffix(b.Get(storeVariable), "/") + "/" + f.Name + "/" + f.ID})
		}
		return printJSON(w, list)
	}
	if len(found) == 0 {
		fmt.Fprintf(w, "No backups of %s in %s.\n", name, b.Get(storeVariable))
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tCREATED\tSIZE")
	for _, f := range found {
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.ID, f.Created.Local().Format(time.DateTime), size(f.Size))
	}
	return t.Flush()
}

// verifyRemote is verify --remote.
func (b *backups) verifyRemote(cmd *cobra.Command, which string) error {
	s, k, err := b.sealed("", cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	_, name, err := b.place()
	if err != nil {
		return err
	}
	show := newBackupProgress(cmd.ErrOrStderr())
	id, err := s.Verify(cmd.Context(), k, name, which, show.bytes)
	show.end()
	if err == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "Backup %s is in the store as it was sent.\n", id)
	}
	return err
}

// pruneRemote is prune --remote.
func (b *backups) pruneRemote(cmd *cobra.Command, o backup.PruneOptions) error {
	s, k, err := b.sealed("", cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	show := newBackupProgress(cmd.ErrOrStderr())
	done, err := s.Prune(cmd.Context(), k, o.Name, o.Keep, o.OlderThan, o.DryRun, show.bytes)
	show.end()
	did := "Removed"
	if o.DryRun {
		did = "Would remove"
	}
	for _, id := range done.IDs {
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", did, id)
	}
	if done.Left > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s of interrupted uploads\n", did, plural(done.Left, "object"))
	}
	if len(done.IDs)+done.Left == 0 && err == nil {
		fmt.Fprintln(cmd.OutOrStdout(), "Nothing to remove.")
	}
	return err
}
