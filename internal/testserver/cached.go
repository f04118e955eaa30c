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

	"golang.org/x/sys/unix"
	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/engine"
	modules "nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/tempdir"
)

// cachedCluster returns a stopped cluster to copy, and its superuser's password. It is made once per user and version,
// which takes a second or two, and kept where compiled code is. Both are "" if there is no such place.
func cachedCluster(ctx context.Context) (data, password string, err error) {
	cache := engine.DefaultCacheDir()
	if cache == "" {
		return "", rand.Text(), nil
	}
	dir := filepath.Join(cache, "cluster-"+hash(modules.PostgresSHA256+modules.ToolsSHA256))
	data = filepath.Join(dir, DataName)
	read := func() error {
		b, err := os.ReadFile(filepath.Join(dir, PasswordName))
		password = string(b)
		return err
	}
	if err := read(); !errors.Is(err, fs.ErrNotExist) {
		return data, password, err
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", "", err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", "", err
	}
	defer lock.Close()
	if err := wait(lock); err != nil {
		return "", "", err
	}
	if err := read(); !errors.Is(err, fs.ErrNotExist) { // another process made it meanwhile
		return data, password, err
	}
	password = rand.Text()
	return data, password, makeCluster(ctx, cache, dir, password)
}

// makeCluster makes a cluster beside dir, which it then becomes.
func makeCluster(ctx context.Context, cache, dir, password string) error {
	temp, err := tempdir.Make(cache, "cluster.new-")
	if err != nil {
		return err
	}
	defer temp.Remove()
	fresh := filepath.Join(temp.Path(), "cluster")
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: filepath.Join(fresh, DataName), Superuser: user, Password: password})
	if err != nil {
		return err
	}
	if err := server.Close(); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(fresh, PasswordName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(password)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(fresh, dir)
}

// wait takes the lock of an open file when it is free.
func wait(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			return err
		}
	}
}

func release(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }

// hash names a text, for the name of a file.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return fmt.Sprintf("%x", sum[:8])
}
