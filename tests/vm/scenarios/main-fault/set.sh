# shellcheck shell=dash
# Sourced. The set under test is r0, with the shadow on a disk of its own.
r=/dev/mapper/r0 shadow=/dev/disk/shadow

field() { dmsetup status r0 | awk -v f="$1" '{ print $(f + 3) }'; }
mode() { field 2; }
entries() { echo "$(field 6) entries, $(field 7) lost"; }
stat_of() { dmsetup message r0 0 stats | sed -n "s/^$1=//p"; }
events() { dmsetup info -c --noheadings -o events r0; }

# storm OPS SEED [OPTION...] : writes, mostly; the errors it gets are not its failure
storm() {
    local ops=$1 seed=$2
    shift 2
    sectorio run "$r" --shadow "$shadow" --ops "$ops" --seed "$seed" --sizes 512-8K --reads 3 --threads 4 \
        "$@" >/tmp/storm || true
}
check_all() { check "$1: every sector is right" sectorio verify $r --shadow "$shadow"; }
check_works() {
    check "$1: it takes writes" sectorio run "$r" --shadow "$shadow" --ops 100 --seed 77 --sizes 512-8K
    check_all "$1"
}
# errors_of_storm ERRNO : all that it saw
errors_of_storm() { same "errors of the storm" "$(grep -o ': E[A-Z]*' /tmp/storm | sort -u | tr -d ':\n')" " $1"; }
create() { new_set "$1" /dev/disk/spare; }
