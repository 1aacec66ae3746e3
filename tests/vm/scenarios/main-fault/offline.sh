# shellcheck shell=dash
# The disk goes offline in the middle of a storm of writes, as the kernel sees it.
# shellcheck source=/dev/null
. ./set.sh
m=/dev/disk/disk
sectorio fill $m --shadow "$shadow" --seed 1
create $m
state=/sys/class/block/$(basename "$(readlink -f $m)")/device/state
before=$(counter $m 5)
before_events=$(events)
storm 1000 2 &
while [ $(($(counter $m 5) - before)) -lt 200 ]; do sleep 0.05; done
echo offline >"$state"
wait $!
check "the storm met it" grep -q "write of" /tmp/storm
same "entries" "$(entries)" "0 entries, 0 lost"
# What the kernel makes of it differs: an error that a bad sector could have as well, or one of its own.
case $(grep -o ': E[A-Z]*' /tmp/storm | sort -u | tr -d ':\n') in
    " EIO")
        same "mode" "$(mode)" main-fault
        check "an event" [ "$(events)" -gt "$before_events" ]
        same "rearm, too early" "$(dmsetup message r0 0 rearm)" "ok main-fault"
        ;;
    " ENODEV")
        same "mode" "$(mode)" active
        same "not counted as errors of sectors" "$(field 8) $(field 9)" "0 0"
        ;;
    *) check "one error: $(grep -o ': E[A-Z]*' /tmp/storm | sort | uniq -c)" false ;;
esac
echo running >"$state"
same "rearm" "$(dmsetup message r0 0 rearm)" "ok active"
same "mode" "$(mode)" active
check_all "back"
check_works "back"
same "entries" "$(entries)" "0 entries, 0 lost"
remapctl -q stop r0
