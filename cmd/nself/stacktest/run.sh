#!/bin/bash
# Runs the whole stack end to end on a Docker engine: the one this user has, or as root on Debian one started here. With
# the user's own engine the images have tags of their own, and are removed again. Without an engine it says so and
# checks only what needs none.
set -euo pipefail
. "$(cd "$(dirname "$0")/../../.." && pwd)/wasm/lib.sh"
. "$top/cmd/nself/stacktest/engine.sh"
. "$top/cmd/nself/stacktest/images.sh"
cd "$top"

go test -count=1 ./cmd/nself/internal/{project,docker,certs,compose}
mkdir -p "$cache"
work=$(mktemp -d "$cache/stack.XXXXXX")
made_images=
finish() {
	# shellcheck disable=SC2086
	[ -n "$own_engine" ] || [ -z "$made_images" ] || docker rmi $made_images >/dev/null
	stop_engine
	rm -rf "$work"
}
trap finish EXIT
if ! find_engine || ! find_compose; then
	echo "SKIPPED: the stack end to end, because $missing"
	exit 0
fi
if [ -z "$own_engine" ]; then
	export HASURA_VERSION=nself-test AUTH_VERSION=nself-test NGINX_VERSION=nself-test POSTGRES_IMAGE=pgvector/pgvector:pg18-nself-test
fi
make_images
NSELF_STACK=1 go test -count=1 -v -timeout 15m ./cmd/nself/stacktest "$@"
