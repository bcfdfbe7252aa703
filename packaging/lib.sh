# What the scripts behind `make run`, `make test` and `make bench` share. Sourced, not run.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Installs missing packages of the distribution; where that needs root and we are not, says what to type.
# Usage: need_packages COMMAND=PACKAGE ...   (a COMMAND with a slash is a file)
need_packages() {
    local pair missing=()
    for pair in "$@"; do
        case ${pair%%=*} in
            /*) [ -e "${pair%%=*}" ] || missing+=("${pair#*=}") ;;
            *) PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}") ;;
        esac
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "Missing packages. As root: apt-get install ${missing[*]}" >&2
        exit 2
    fi
    echo "Installing ${missing[*]}"
    # A service of a peer must not start on this host; the policy file is put back as it was.
    local policy=/usr/sbin/policy-rc.d kept=no
    [ -e "$policy" ] && kept=yes || { printf '#!/bin/sh\nexit 101\n' > "$policy"; chmod +x "$policy"; }
    apt-get update -qq || echo "apt-get update failed; going on with the lists there are" >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || { [ $kept = yes ] || rm -f "$policy"; exit 2; }
    [ $kept = yes ] || rm -f "$policy"
}

need_rust() {
    command -v cargo >/dev/null && return
    echo "No cargo found. Tenon needs a Rust toolchain, 1.89 or later: rustup.rs, or the distribution's where it is new enough." >&2
    exit 2
}

need_root() {
    [ "$(id -u)" = 0 ] && return
    echo "Booting a systemd in namespaces of its own needs root: sudo make $1" >&2
    exit 2
}

need_for_building() {
    need_packages cc=gcc make=make
    need_rust
}

need_for_booting() {
    need_packages unshare=util-linux ip=iproute2 dbus-daemon=dbus /lib/systemd/systemd=systemd busctl=systemd dig=bind9-dnsutils hostname=hostname setpriv=util-linux /usr/lib/polkit-1/polkitd=polkitd
}

# Sockets that share a port share the questions, too: must_be_free PORT ...
must_be_free() {
    local port found
    for port in "$@"; do
        found=$(ss --no-header --listening --udp --tcp --numeric --processes "sport = :$port")
        [ -z "$found" ] || { printf 'Port %s is taken; end who listens there first:\n%s\n' "$port" "$found" >&2; exit 1; }
    done
}

# Boots a machine in the host's network and waits for its systemd; it ends with the calling script. Sets `machine`, a
# scratch directory whose file `pid` names its PID 1. `inside COMMAND` runs something in it.
boot_machine() {
    machine=$(mktemp -d /tmp/tenon-machine.XXXXXX)
    trap end_machine EXIT
    trap 'echo; exit 0' INT TERM
    # In a session of its own: Ctrl-C is for the calling script, which then ends the machine in order.
    env -u BENCH_TAG setsid tests/system/boot.sh "$machine" "$PWD/target/stage" > "$machine/log" 2>&1 &
    machine_boot=$!
    until [ -s "$machine/pid" ]; do
        kill -0 "$machine_boot" 2>/dev/null || { cat "$machine/log" >&2; exit 1; }
        sleep 0.02
    done
    until case $(inside systemctl is-system-running 2>/dev/null) in running | degraded) true ;; *) false ;; esac; do sleep 0.05; done
}

end_machine() {
    trap - EXIT INT TERM
    [ -s "$machine/pid" ] && kill -KILL "$(cat "$machine/pid")" 2>/dev/null
    [ -n "${machine_boot:-}" ] && wait "$machine_boot" 2>/dev/null
    rm -rf "$machine"
}

inside() {
    nsenter -t "$(cat "$machine/pid")" -m -p -C -u -i -- "$@"
}

# Lays down a first generation of settings before cfgmgr runs: first_generation LISTEN_ON_JSON [MORE_AUTH_SETTINGS]
first_generation() {
    inside mkdir -p /var/lib/tenon/config/generations
    inside tee /var/lib/tenon/config/generations/00000001.json >/dev/null <<JSON
{"generation":1,"committed_usec":$(date +%s)000000,"author":"root","comment":"first start","settings":{"auth":{"listen_on":$1${2:-}}}}
JSON
    inside ln -s generations/00000001.json /var/lib/tenon/config/current
    inside tee /var/lib/tenon/config/listen.json >/dev/null <<JSON
{"generation":1,"udp_sockets":${3:-0},"instances":1,"listen_on":$1}
JSON
    inside chown -hR tenon-cfgmgr:tenon-cfgmgr /var/lib/tenon/config
}
