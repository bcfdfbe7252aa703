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
    need_packages unshare=util-linux ip=iproute2 dbus-daemon=dbus /lib/systemd/systemd=systemd busctl=systemd dig=bind9-dnsutils hostname=hostname setpriv=util-linux
}
