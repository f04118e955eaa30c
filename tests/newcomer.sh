#!/bin/bash
# A newcomer's first test: a module in an empty directory that uses this one by a replace directive, with one test that has
# a database of its own. The test must have fewer than 20 lines and pass in under 5 minutes, downloads of modules and the
# first compilation of the server included. With -cold no cache of compiled code or of Go's is used.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
if [ "${1:-}" = -cold ]; then
	export GOCACHE=$dir/gocache
	mkdir "$dir/home"
	GOMODCACHE=$(go env GOMODCACHE) # modules are the network's speed, not ours
	export GOMODCACHE HOME=$dir/home
fi
mkdir "$dir/shop"
cd "$dir/shop"

cat > fruit_test.go <<'GO'
package shop

import (
	"testing"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

func TestFruit(t *testing.T) {
	db := pgxtest.New(t, pgtest.SQL("CREATE TABLE fruit (name text)")).SQLDB(t)
	if _, err := db.Exec("INSERT INTO fruit VALUES ('fig')"); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM fruit").Scan(&n); err != nil || n != 1 {
		t.Error(n, err)
	}
}
GO
lines=$(wc -l < fruit_test.go)
SECONDS=0
go mod init shop
go mod edit -require nself.org/embeddedpg@v0.0.0 -replace "nself.org/embeddedpg=$top"
go mod tidy
go test -v .
echo "a test of $lines lines passed after $SECONDS s"
[ "$lines" -le 20 ] && [ "$SECONDS" -lt 300 ]
