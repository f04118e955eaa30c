package crash

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"nself.org/embeddedpg/tests/crash/node"
)

// newCluster makes the cluster that the tests of this file's servers start from: with the tables of the workload,
// shut down.
func newCluster(t testing.TB, settings map[string]string) string {
	t.Helper()
	dir := filepath.Join(node.Scratch(t), "pgdata")
	n, err := node.Start(dir, settings, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), node.Limit)
	defer cancel()
	conn, err := n.Connect(ctx, "postgres")
	if err == nil {
		_, err = conn.Exec(ctx, schema)
		conn.Close(ctx)
	}
	if err := errors.Join(err, n.Stop()); err != nil {
		t.Fatal(err)
	}
	return dir
}
