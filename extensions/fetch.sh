#!/bin/bash
# Fetches a source from Debian's archive with apt inside the sid root, and checks it: fetch.sh PACKAGE VERSION FILE SHA256.
# shellcheck disable=SC2016 # apt and the inner shell expand these
set -euo pipefail
. "$(dirname "$0")/../wasm/lib.sh"
package=$1 version=$2 file=$3 sum=$4

whole() { echo "$sum  $sources/$file" | sha256sum --check --status 2>/dev/null; }
whole && exit
case $package in lib*) folder=${package:0:4} ;; *) folder=${package:0:1} ;; esac
mkdir -p "$sources"
rm -rf "$root/fetch-extension"
mkdir "$root/fetch-extension"
sid_online sh -c 'mirror=$(apt-get indextargets --format "\$(REPO_URI)" "Created-By: Packages" "Component: main" | head -n 1)
	/usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "${mirror%/}/pool/main/$0" "/fetch-extension/$1"' \
	"$folder/$package/$file" "$file" </dev/null >&2 || die "$package $version: the archive does not have $file"
mv "$root/fetch-extension/$file" "$sources/"
rm -rf "$root/fetch-extension"
whole || die "$package $version: $file is not the one of the recipe"
