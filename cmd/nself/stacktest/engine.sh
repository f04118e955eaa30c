# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by run.sh: a Docker engine for the test. Sets DOCKER_HOST if it starts one, and own_engine.

own_engine=
docker_dir=

# find_engine takes the engine that this user has, or as root on Debian starts one. It returns 1 with a reason in
# $missing if there is none to be had.
find_engine() {
	if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
		return
	fi
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		missing="no Docker engine answers, and only root on Debian can start one for the test"
		return 1
	fi
	command -v dockerd >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io iptables; } >/dev/null 2>&1 || {
		missing="Debian's docker.io cannot be installed"
		return 1
	}
	# dockerd leaves its bridge and its rules behind. iptables-save names the tables that were used before.
	made_bridge=
	if [ ! -e /sys/class/net/docker0 ] && iptables -n -L >/dev/null 2>&1 && iptables -n -t nat -L >/dev/null 2>&1; then
		iptables-save >"$work/rules" && made_bridge=1
	fi
	docker_dir=$work/docker
	mkdir -p "$docker_dir"
	unset DOCKER_CONTEXT
	export DOCKER_HOST=unix://$docker_dir/docker.sock
	dockerd --data-root "$docker_dir/data" --exec-root "$docker_dir/exec" --pidfile "$docker_dir/pid" --host "$DOCKER_HOST" >"$docker_dir/log" 2>&1 &
	own_engine=$!
	for _ in $(seq 150); do
		docker info >/dev/null 2>&1 && return
		kill -0 "$own_engine" 2>/dev/null || break
		sleep 0.2
	done
	missing="dockerd does not run here: $(tail -n 1 "$docker_dir/log")"
	return 1
}

# find_compose makes sure that docker compose, or docker-compose, is version 2: Debian 12 has version 1, and then sid's
# package, which runs there, is taken from the Debian root of the other suites.
find_compose() {
	compose_version() { { docker compose version --short || docker-compose version --short; } 2>/dev/null | sed 's/^v//'; }
	case $(compose_version) in 2.*) return ;; esac
	[ "$(id -u)" = 0 ] || {
		missing="Docker Compose 2 is not installed"
		return 1
	}
	"$top/wasm/root.sh" >/dev/null
	in_root --mount sh -c 'cd /tmp && rm -f docker-compose_*.deb && apt-get download -qq docker-compose' >/dev/null
	dpkg -x "$root"/tmp/docker-compose_*.deb "$work/compose"
	rm -f "$root"/tmp/docker-compose_*.deb
	mkdir -p "$work/bin"
	ln -s "$work/compose/usr/libexec/docker/cli-plugins/docker-compose" "$work/bin/docker-compose"
	export PATH=$work/bin:$PATH
	case $(compose_version) in 2.*) return ;; esac
	missing="Docker Compose 2 cannot be installed"
	return 1
}

# remove_bridge takes docker0 away, and puts the packet filter's rules back.
remove_bridge() {
	ip link delete docker0 2>/dev/null || true
	iptables-restore <"$work/rules" || true
}

stop_engine() {
	[ -n "$own_engine" ] || return 0
	kill "$own_engine" 2>/dev/null || true
	wait "$own_engine" || true
	own_engine=
	[ -z "$made_bridge" ] || remove_bridge
}
