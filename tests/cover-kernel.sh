#!/bin/bash
# The kernel's own tests, without PostgreSQL, must reach so many percent of its statements.
set -euo pipefail
least=85
out=$(go test -count=1 -cover ./internal/kernel) || { echo "$out" && exit 1; }
echo "$out"
percent=$(sed -n 's/.*coverage: \([0-9]*\)\..*/\1/p' <<<"$out")
[ "${percent:-0}" -ge "$least" ] || { echo "cover-kernel: less than $least %" >&2 && exit 1; }
