# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by run.sh: the images of the test, made here under the names that the compose file has. Hasura's and Auth's
# stand-in is one static program (see services/); Nginx and PostgreSQL are Debian's, with the libraries they name.

make_images() {
	local services=$work/services postgres hasura auth nginx
	(cd "$top/cmd/nself/stacktest/services" && CGO_ENABLED=0 go build -trimpath -o "$services" .)
	{ read -r postgres && read -r hasura && read -r auth && read -r nginx; } < <(go run ./cmd/nself/stacktest/pinned)
	made_images="$hasura $auth $nginx"
	for name in hasura auth; do
		root_of "$name"
		cp "$services" "$work/$name/bin/$name"
		ln -s "$name" "$work/$name/bin/curl"
		ln -s "$name" "$work/$name/bin/wget"
	done
	import hasura "$hasura" 'CMD ["/bin/hasura"]'
	import auth "$auth" 'CMD ["/bin/auth"]' 'USER 10001'

	root_of nginx
	(cd "$work" && apt-get -o APT::Sandbox::User=root download -qq nginx && dpkg -x nginx_*.deb nginx)
	cp "$services" "$work/nginx/bin/wget"
	libraries nginx '' "$(ldd "$work/nginx/usr/sbin/nginx" | grep -o '/[^ ]*')"
	mkdir -p "$work/nginx/var/log/nginx" "$work/nginx/run" "$work/nginx/etc/nginx"
	if [ "$(id -u)" = 0 ]; then
		make_postgres "$postgres"
		export NSELF_STACK_POSTGRES=1
	fi
	import nginx "$nginx" 'ENV PATH=/usr/sbin:/bin' 'CMD ["nginx", "-g", "daemon off;"]'
}

# make_postgres IMAGE makes that of PostgreSQL with pgvector, from the Debian root of the other suites. It needs root.
make_postgres() {
	local at=$work/postgres
	"$top/wasm/root.sh" >/dev/null
	root_of postgres
	echo 'postgres:x:999:999:postgres:/:/bin/false' >>"$at/etc/passwd"
	in_root --mount sh -c 'cd /tmp && rm -f postgresql-18-pgvector_*.deb && apt-get -o APT::Sandbox::User=root download -qq postgresql-18-pgvector' >/dev/null
	mkdir -p "$at/usr/lib/postgresql" "$at/usr/share/postgresql" "$at/var/lib/postgresql"
	cp -a "$root/usr/lib/postgresql/18" "$at/usr/lib/postgresql/"
	cp -a "$root/usr/share/postgresql/18" "$at/usr/share/postgresql/"
	cp -a "$root/usr/share/zoneinfo" "$at/usr/share/"
	dpkg -x "$root"/tmp/postgresql-18-pgvector_*.deb "$at"
	rm -f "$root"/tmp/postgresql-18-pgvector_*.deb
	libraries postgres "$root" "$(in_root --net sh -c \
		'find /usr/lib/postgresql/18 -type f \( -perm -100 -o -name "*.so" \) -print0 | xargs -0 ldd 2>/dev/null | grep -o "/[^ :]*\.so[^ :]*" | sort -u')"
	cp -L "$root/bin/sh" "$at/bin/sh"
	cp "$work/services" "$at/bin/entrypoint"
	chown -R 999:999 "$at/var/lib/postgresql"
	tar -C "$at" -c . | docker import --change 'ENV PATH=/usr/lib/postgresql/18/bin:/bin' --change 'ENTRYPOINT ["/bin/entrypoint"]' - "$1" >/dev/null
	made_images+=" $1"
	echo "made $1"
}

# libraries NAME ROOT LIST copies shared libraries into the root of an image.
libraries() {
	local library
	for library in $3; do
		mkdir -p "$work/$1$(dirname "$library")"
		cp -L "$2$library" "$work/$1$library"
	done
}

# root_of NAME makes the root of an image, with root's name.
root_of() {
	mkdir -p "$work/$1/bin" "$work/$1/etc" "$work/$1/tmp"
	chmod 1777 "$work/$1/tmp"
	echo 'root:x:0:0:root:/:/bin/false' >"$work/$1/etc/passwd"
	echo 'root:x:0:' >"$work/$1/etc/group"
}

import() { # DIR IMAGE CHANGE...
	local dir=$1 image=$2 changes=()
	shift 2
	for change in "$@"; do changes+=(--change "$change"); done
	tar -C "$work/$dir" --owner 0 --group 0 -c . | docker import "${changes[@]}" - "$image" >/dev/null
	echo "made $image"
}
