# shellcheck shell=dash
# Sourced. The set r0 over a main with injected faults.
r=/dev/mapper/r0

field() { dmsetup status r0 | awk -v f="$1" '{ print $(f + 3) }'; }
mode() { field 2; }
entries() { echo "$(field 6) entries, $(field 7) lost"; }
stat_of() { dmsetup message r0 0 stats | sed -n "s/^$1=//p"; }
events() { dmsetup info -c --noheadings -o events r0; }

# unchanged WHAT : nothing was remapped, nothing is the matter
unchanged() { same "$1: entries and mode" "$(entries), $(mode)" "0 entries, 0 lost, active"; }
create() { new_set "$1" /dev/disk/spare; }
