package testserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/hostdir"
	modules "nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/programs"
)

// cachedCluster returns a cluster to copy. It is made once per user and version, which takes a second or two, and kept
// where compiled code is; without such a place, or where it cannot be kept there, it is made each time.
func cachedCluster(ctx context.Context) (*pack, error) {
	if cache := programs.DefaultCacheDir(); cache != "" {
		base := "cluster-" + hash(modules.PostgresSHA256+modules.InitdbSHA256+modules.ShareSHA256) + ".pack"
		if p, err := openPack(filepath.Join(cache, base)); err == nil {
			note(cache, base)
			return p, nil
		}
		if p, err := keepCluster(ctx, cache, base); err == nil || ctx.Err() != nil {
			return p, err
		}
	}
	temp, err := hostdir.MakeTemp("", "cluster.new-")
	if err != nil {
		return nil, err
	}
	defer temp.Remove()
	name := filepath.Join(temp.Path(), "pack")
	if err := makePack(ctx, temp.Path(), name); err != nil {
		return nil, err
	}
	return openPack(name)
}

// keepCluster makes the cluster in the cache, unless another process is just making it.
func keepCluster(ctx context.Context, cache, base string) (*pack, error) {
	name := filepath.Join(cache, base)
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(name+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := hostdir.WaitLock(lock); err != nil {
		return nil, err
	}
	if p, err := openPack(name); !errors.Is(err, fs.ErrNotExist) { // another process made it meanwhile
		return p, err
	}
	temp, err := hostdir.MakeTemp(cache, "cluster.new-")
	if err != nil {
		return nil, err
	}
	defer temp.Remove()
	fresh := filepath.Join(temp.Path(), "pack")
	if err := makePack(ctx, temp.Path(), fresh); err != nil {
		return nil, err
	}
	if err := os.Rename(fresh, name); err != nil {
		return nil, err
	}
	prune(cache, base)
	return openPack(name)
}

// note keeps the cluster from being pruned.
func note(cache, base string) {
	dir, err := os.OpenRoot(cache)
	if err != nil {
		return
	}
	defer dir.Close()
	if st, err := dir.Stat(base); err == nil {
		hostdir.Used(dir, base, st)
	}
}

var packName = regexp.MustCompile(`^cluster-[0-9a-f]{16}\.pack(\.lock)?$`)

// prune removes the clusters of other versions that nobody has used for long.
func prune(cache, base string) {
	dir, err := os.OpenRoot(cache)
	if err != nil {
		return
	}
	defer dir.Close()
	hostdir.Prune(dir, func(name string) time.Duration {
		if packName.MatchString(name) && name != base && name != base+".lock" {
			return hostdir.Unused
		}
		return 0
	})
}

// makePack makes a cluster in the directory dir, and packs it into the file name.
func makePack(ctx context.Context, dir, name string) error {
	data, password := filepath.Join(dir, DataName), rand.Text()
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: data, Superuser: user, Password: password, Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		return err
	}
	if err := server.Close(); err != nil {
		return err
	}
	return writePack(name, data, password)
}

// hash names a text, for the name of a file.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return fmt.Sprintf("%x", sum[:8])
}
