#!/bin/bash
# Builds nself, starts a database in a new directory, asks it something, and stops it.
set -euo pipefail
begin=$(date +%s%N)
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
go build -o nself ./cmd/nself
dir=$(mktemp -d)
trap 'cd "$dir" && "$top/nself" stop >/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
"$top/nself" start --embedded-pg --only postgres
"$top/nself" psql -c "SELECT version()" -c "SELECT count(*) AS rows, sum(n) FROM generate_series(1, 1000000) n"
awk -v ns=$(($(date +%s%N) - begin)) 'BEGIN { printf "built, started and queried in %.1f s\n", ns / 1e9 }'
