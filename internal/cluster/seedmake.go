package cluster

import (
	"context"
	"os"
	"path/filepath"
)

// MakeSeed makes a cluster with initdb, as Create does without a seed, empties its write-ahead log, and
// returns it as a seed. p has the server, initdb and the other client programs.
func MakeSeed(ctx context.Context, p Programs) ([]byte, error) {
	dir, err := os.MkdirTemp("", "seed-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	o := CreateOptions{Superuser: SeedSuperuser, Password: "of nobody", Volatile: true}
	if err := initdb(ctx, p, data, o); err != nil {
		return nil, err
	}
	t, err := newTree(p.Image, data, guestData, RunOptions{})
	if err != nil {
		return nil, err
	}
	defer t.close()
	if out, err := runTool(ctx, p, t, nil, "", guestPrefix+"/bin/pg_resetwal", "-D", guestData); err != nil {
		return nil, toolError("empty the write-ahead log", out, err)
	}
	return EncodeSeed(data)
}
