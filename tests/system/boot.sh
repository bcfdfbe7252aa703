#!/bin/bash
# Boots a real systemd as PID 1 of namespaces of its own, over the host's root file system.
#
# Usage: boot.sh STATE_DIRECTORY STAGE_DIRECTORY [private-network]
#
# STATE_DIRECTORY is made by the caller and removed by it; it receives `pid` (the systemd as the host sees it).
# STAGE_DIRECTORY holds what `make install` wrote; it is laid over the root, which is not changed.
# What the machine writes is kept in memory; TENON_BOOT_DISK names an empty directory that takes the place of its
# /var/lib/tenon, for measurements in which waiting for a disk counts.
# The script stays in the foreground until that systemd ends. Killing the script kills it too.
# Why each step is there: ARCHITECTURE.md, "Booting a real systemd".
set -euo pipefail

main() {
    scope_of_our_own "$@"
    state=$1 stage=$2 network=${3:-host-network}
    scope=$(enter_own_cgroup)
    local flags=(--mount --pid --cgroup --uts --ipc --fork --kill-child)
    [ "$network" = private-network ] && flags+=(--net)
    unshare "${flags[@]}" -- "$0" --inside "$state" "$stage" &
    wait_for_end $! "$scope"
}

# Where systemd runs the host, what is below its cgroups is its own business, but for a delegated scope.
scope_of_our_own() {
    [ -d /run/systemd/system ] && [ -z "${TENON_BOOT_SCOPE:-}" ] || return 0
    TENON_BOOT_SCOPE=yes exec systemd-run --quiet --scope --collect --property=Delegate=yes -- "$0" "$@"
}

# A cgroup of our own, so that two instances never share one root. Prints its directory.
enter_own_cgroup() {
    local root path
    root=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)
    [ -n "$root" ] || { echo "boot: no cgroup2 mounted; mount one: mount -t cgroup2 none /sys/fs/cgroup" >&2; exit 2; }
    path=$(sed -n 's/^0:://p' /proc/self/cgroup)
    mkdir "$root${path%/}/tenon-boot.$$"
    echo $$ > "$root${path%/}/tenon-boot.$$/cgroup.procs"
    echo "$root${path%/}/tenon-boot.$$"
}

wait_for_end() {
    local unshare_pid=$1 scope=$2 child=
    trap 'kill -KILL "$unshare_pid" 2>/dev/null || true' TERM INT
    until child=$(cat "/proc/$unshare_pid/task/$unshare_pid/children" 2>/dev/null) && [ -n "$child" ]; do
        kill -0 "$unshare_pid" 2>/dev/null || break
        sleep 0.01
    done
    echo "${child%% *}" > "$state/pid.partial" && mv "$state/pid.partial" "$state/pid"
    wait "$unshare_pid" || true
    remove_cgroup "$scope"
}

# Leaves the cgroup and removes it with all that systemd made inside.
remove_cgroup() {
    local scope=$1 parent tries
    parent=$(dirname "$scope")
    echo $$ > "$parent/cgroup.procs"
    for tries in $(seq 200); do
        find "$scope" -depth -type d -exec rmdir {} + 2>/dev/null || true
        [ -d "$scope" ] || return 0
        sleep 0.05
    done
    echo "boot: $scope is still in use" >&2
}

inside() {
    local state=$1 stage=$2 root=$1/root
    mount --make-rprivate /
    mkdir -p "$root" "$state/layers"
    mount -t tmpfs -o size=75%,mode=0755 tenon-layers "$state/layers"
    mkdir "$state/layers/upper" "$state/layers/work"
    # Copied, not stacked: a lower layer may not lie inside another one, and the stage lies inside /.
    cp -a "$stage/." "$state/layers/upper/"
    mount -t overlay -o "lowerdir=/,upperdir=$state/layers/upper,workdir=$state/layers/work" tenon "$root"
    mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
    mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
    mount -t tmpfs -o nosuid,nodev,mode=0755 run "$root/run"
    mount -t tmpfs -o nosuid,nodev,mode=1777 tmp "$root/tmp"
    mount --rbind /dev "$root/dev"
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
    keep_the_kernel_alone "$root"
    if [ -n "${TENON_BOOT_DISK:-}" ]; then
        mkdir -p "$root/var/lib/tenon"
        mount --bind "$TENON_BOOT_DISK" "$root/var/lib/tenon"
    fi
    choose_bus "$root"
    ip link set lo up 2>/dev/null || true
    cd "$root"
    mkdir -p .old
    pivot_root . .old
    mount --make-rshared /     # without it LoadCredential= yields an empty directory
    umount -l /.old
    rmdir /.old
    hostname tenon-machine
    systemd-sysusers >/dev/null 2>&1 || systemd-sysusers
    journalctl --update-catalog
    exec env -i container=tenon PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --system systemd.unit=basic.target --log-target=journal --show-status=no
}

# The bus that a test or TENON_BOOT_BUS asks for: "daemon" (default) or "broker".
choose_bus() {
    rm -f "$1/etc/systemd/system/dbus.service"
    if [ "${TENON_BOOT_BUS:-daemon}" = broker ]; then
        ln -s /lib/systemd/system/dbus-broker.service "$1/etc/systemd/system/dbus.service"
    fi
}

# Masks what touches the kernel at large, and drops everything that the host has enabled.
keep_the_kernel_alone() {
    local root=$1 unit
    for unit in systemd-sysctl systemd-binfmt systemd-modules-load systemd-udevd systemd-udev-trigger systemd-random-seed \
        systemd-update-utmp systemd-remount-fs systemd-resolved systemd-networkd systemd-timesyncd systemd-logind \
        systemd-machine-id-commit systemd-hwdb-update systemd-pstore systemd-firstboot kmod-static-nodes \
        systemd-tmpfiles-setup-dev systemd-sysusers ldconfig systemd-journal-catalog-update systemd-journal-flush; do
        ln -sfn /dev/null "$root/etc/systemd/system/$unit.service"
    done
    for unit in sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
        dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount systemd-udevd-control.socket \
        systemd-udevd-kernel.socket systemd-networkd.socket; do
        ln -sfn /dev/null "$root/etc/systemd/system/$unit"
    done
    rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/*.requires
    : > "$root/etc/fstab"
    rm -rf "$root/var/log/journal" "$root/var/lib/tenon"
    systemd-id128 new > "$root/etc/machine-id"
}

if [ "${1:-}" = --inside ]; then
    shift
    inside "$@"
else
    main "$@"
fi
