#!/bin/bash
# Fetches the sources of wasm.lock from Debian's archive, or those of them that are
# named, with apt inside the sid root, and checks them. Not by "apt-get source": the
# archive holds versions that its index does not name. The one step, after root.sh,
# that needs a network.
# shellcheck disable=SC2016 # apt and the inner shell expand these
set -euo pipefail
. "$(dirname "$0")/lib.sh"

mkdir -p "$sources"
lock source | while read -r name package version file sum; do
	case " ${*:-$name} " in *" $name "*) ;; *) continue ;; esac
	if ! echo "$sum  $sources/$file" | sha256sum --check --status 2>/dev/null; then
		case $package in lib*) folder=${package:0:4} ;; *) folder=${package:0:1} ;; esac
		rm -rf "$root/fetch"
		mkdir "$root/fetch"
		sid_online sh -c 'mirror=$(apt-get indextargets --format "\$(REPO_URI)" "Created-By: Packages" "Component: main" | head -n 1)
			/usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "${mirror%/}/pool/main/$0" "/fetch/$1"' \
			"$folder/$package/$file" "$file" </dev/null
		mv "$root/fetch/$file" "$sources/"
		rm -rf "$root/fetch"
	fi
	source_file "$name"
done
