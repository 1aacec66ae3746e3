# shellcheck shell=bash
# Shared by tests/run, tests/demo and tests/vm. Source it; it changes no options and prints nothing.

# The checkout, from wherever the caller was started.
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Everything that is downloaded or built outside the checkout. Under sudo this is root's own cache:
# writing to the caller's would leave files there that the caller can't delete.
cache=${DMR_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/dm-remap}
export DMR_CACHE=$cache

# Where tests/run and tests/demo build. Not in the checkout: run by root, they would leave files there
# that its owner can't remove.
# shellcheck disable=SC2034
build_cache=$cache/build/$(basename "$repo")-$(printf %s "$repo" | sha256sum | cut -c1-8)

# A prerequisite is missing, so nothing was tested. Never to be mistaken for success.
EXIT_NOT_RUN=77

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
not_run() { printf '%s: not run: %s\n' "${0##*/}" "$*" >&2; exit "$EXIT_NOT_RUN"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# packages GROUP... : the package names of these groups
packages() {
    local group
    for group in "$@"; do
        awk -v g="$group" '$1 == g { print $2 }' "$repo/packaging/packages.txt"
    done | sort -u
}

# missing_packages GROUP... : those of them that are not installed
missing_packages() {
    local p
    packages "$@" | while read -r p; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
    done
}

# install_packages LOG GROUP... : installs what is missing; apt's chatter goes to LOG
install_packages() {
    local log=$1 missing
    shift
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
        echo "missing packages, and neither root nor password-less sudo to install them:" >&2
        echo "    sudo apt-get install ${missing[*]}" >&2
        return 1
    fi
    # A third-party source that is down must not stop us: what counts is whether the install works.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >>"$log" 2>&1 || true
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y --no-install-recommends install "${missing[@]}" >>"$log" 2>&1
}

# Numbered steps with elapsed times: "[3] 01:07  building the tools"
step_count=0
step() {
    step_count=$((step_count + 1))
    printf '[%d] %s  %s\n' "$step_count" "$(elapsed)" "$*"
}
elapsed() { printf '%02d:%02d' $((SECONDS / 60)) $((SECONDS % 60)); }

# debian_mirror : the one this machine uses
debian_mirror() {
    local mirror
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
        grep -oE '^(URIs:|deb ).*' | grep -oE 'https?://[^ ]*/debian/?( |$)' | head -n 1 | tr -d ' ') || true
    echo "${DMR_MIRROR:-${mirror:-http://deb.debian.org/debian}}"
}

# content_hash PATH... : one hash over names and contents, to key caches with
content_hash() {
    local p
    for p in "$@"; do
        if [ -d "$p" ]; then
            (cd "$p" && find . -type f ! -name '*.o' ! -name '*.ko' ! -name '*.cmd' ! -name '*.mod*' \
                ! -name Module.symvers ! -name modules.order -print0 | sort -z | xargs -0r sha256sum)
        else
            sha256sum <"$p"
        fi
    done | sha256sum | cut -c1-16
}

# Runs a command with root's view of file ownership (device trees, chroots) and with real root's
# power only if there is no other way: a user namespace does on most machines, not in a chroot.
fake_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif may_map_users; then
        unshare --map-root-user --map-auto --mount --fork "$@"
    else
        sudo -n "$@"
    fi
}

# Is there a user namespace for us, with all the user numbers in it? The first question is not idle:
# where it fails, the second leaves a process behind that waits for ever, and has our locks.
may_map_users() {
    unshare --user true 2>/dev/null && command -v newuidmap >/dev/null &&
        unshare --map-root-user --map-auto true 2>/dev/null
}
