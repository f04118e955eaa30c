#!/bin/bash
# What `make lint` checks of the source text. It changes nothing; -fix formats what can be formatted.
set -euo pipefail
cd "$(dirname "$0")/.."

gofumpt=mvdan.cc/gofumpt@v0.12.0
gci=github.com/daixiang0/gci@v0.14.0
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
errcheck=github.com/kisielk/errcheck@v1.9.0
groups=(--skip-generated -s standard -s default -s 'prefix(nself.org/embeddedpg)')

mapfile -t go < <(git ls-files '*.go')
if [ "${1:-}" = -fix ]; then
	go run "$gci" write "${groups[@]}" "${go[@]}"
	go run "$gofumpt" -w "${go[@]}"
	exit
fi

failed=0
fail() {
	echo "lint: $*" >&2
	failed=1
}

# Format: gofumpt, and imports in three groups (the standard library, others, ours).
[ -z "$(go run "$gofumpt" -l "${go[@]}")" ] || fail "not formatted by gofumpt: run tests/lint.sh -fix"
[ -z "$(go run "$gci" list "${groups[@]}" "${go[@]}" 2>/dev/null)" ] || fail "imports in other groups than ours: run tests/lint.sh -fix"

# Modules: go.mod names what is used and no more.
while read -r module; do
	(cd "$(dirname "$module")" && go mod tidy -diff) || fail "$module is not tidy: run go mod tidy"
done < <(git ls-files '*go.mod')

go run "$staticcheck" ./... || fail staticcheck

# Errors that nobody looks at. Releasing what is left (Close and its like) and printing for a person may fail
# unnoticed: what is written for good goes through hostdir.Replace or checks Close. Tests may do as they please.
unchecked=$(go run "$errcheck" -ignoretests -exclude tests/errcheck.exclude ./... || true)
unchecked=$(grep -vE '\b[cC]lose(F[dD])?\(|\b[rR]elease\(|\.Stop\(\)|\b(r|R)emove(All)?\(' <<<"$unchecked" || true)
[ -z "$unchecked" ] || { echo "$unchecked" && fail "errors that nobody looks at"; }

# Shell.
command -v shellcheck >/dev/null || { [ "$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq shellcheck >/dev/null; } || true
if command -v shellcheck >/dev/null; then
	mapfile -t scripts < <(git grep -lE '^#!/bin/(ba)?sh')
	shellcheck -x --source-path=SCRIPTDIR "${scripts[@]}" || fail shellcheck
else
	fail "shellcheck is not installed, so no script was checked: apt-get install shellcheck"
fi
exit "$failed"
