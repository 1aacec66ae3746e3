# shellcheck shell=dash
# A desktop drive thinks for half a minute about each sector that it can't read.
r=/dev/mapper/r0
fault_disk main disk
remapctl -q create r0 --main /dev/mapper/main --spare /dev/disk/spare --no-shield --yes

field() { dmsetup status r0 | awk -v f="$1" '{ print $(f + 3) }'; }
state() { echo "$(field 6) entries, $(field 7) lost, $(field 2)"; }
now() { awk '{ print int($1 * 1000) }' /proc/uptime; }
start=0
# took WHAT MS : since start
took() {
    local ms=$(($(now) - start))
    check "$1 took $ms ms, at most $2" [ $ms -le "$2" ]
}
bad="1003 9000 17007"
sum() { for sector in $bad; do dd if="$r" bs=512 skip="$sector" count=1 iflag=direct 2>/dev/null; done | md5sum; }
for sector in $bad; do probe "$r" "$sector" 1 w >/dev/null; done
content=$(sum)

# slow_reads MS : the first read of each bad sector fails at once, so that the workers have it; each
# further one takes so long. Returns when the first of these is under way.
slow_reads() {
    local sector
    for sector in $bad; do
        inject main rule "first$sector" r "$sector" error=medium times=1
        inject main rule "slow$sector" r "$sector" error=medium delay="$1"
    done
    readers=''
    for sector in $bad; do
        probe "$r" "$sector" >"/tmp/$sector" &
        readers="$readers $!"
    done
    for sector in $bad; do inject main await "first$sector" hits 1; done
    # one at a time: it may be any of them
    until dmsetup status main | grep -q 'slow[0-9]* [0-9]* 1'; do sleep 0.05; done
}
# under_way : reads of bad sectors that are
under_way() { dmsetup status main | awk '{ for (i = 9; i < NF; i += 3) n += $(i + 2) } END { print n + 0 }'; }
answers() { for sector in $bad; do cat "/tmp/$sector"; done | sort -u | tr '\n' ' '; }

echo "-- rescue of writes"
slow_reads 30000
inject main rule unwritable wz 300000+64 error=medium
for i in 0 1 2; do
    start=$(now)
    same "a write that main can't take" "$(probe "$r" $((300000 + i * 8)) 8 w)" ok
    took "it" 2000
done
start=$(now)
same "a part of a block" "$(probe "$r" 300035 2 w)" ok
took "it" 2000
start=$(now)
same "a flush" "$(probe "$r" 0 1 flush)" ok
same "a write near the bad sectors" "$(probe "$r" 1016 8 w)" ok
same "a read between them" "$(probe "$r" 9008)" ok
took "they" 2000
same "status" "$(field 2)" active
same "reads under way, meanwhile" "$(under_way)" 1
entries=$(field 6)
check "rescued blocks: $entries" [ "$entries" -ge 4 ]

echo "-- suspend"
# One read that is under way, 30 s, and some time to come to an end. All of it takes minutes.
start=$(now)
dmsetup suspend r0
took "a suspend" 36000
same "reads under way" "$(under_way)" 0
# shellcheck disable=SC2086  # several
wait $readers
same "the readers heard of a bad sector" "$(answers)" "ENODATA "
inject main clear
dmsetup resume r0
same "nothing was lost by giving way" "$(state)" "$entries entries, 0 lost, active"
same "content" "$(sum)" "$content"

echo "-- suspend without flush: the reads are kept for later"
slow_reads 9000
start=$(now)
dmsetup suspend --noflush --nolockfs r0
took "a suspend" 15000
same "reads under way" "$(under_way)" 0
inject main clear
dmsetup resume r0
# shellcheck disable=SC2086
wait $readers
same "the readers" "$(answers)" "ok "
same "nothing was lost" "$(state)" "$entries entries, 0 lost, active"

echo "-- suspend while a message reads a bad block"
inject main rule slow r 1003 error=medium delay=8000
dmsetup message r0 0 add 125 >/tmp/answer &
adder=$!
inject main await slow held 1
start=$(now)
dmsetup suspend r0
took "a suspend" 12000
wait $adder
same "the message" "$(cat /tmp/answer)" "next 125 0 0 0"
inject main clear
dmsetup resume r0
same "nothing was lost" "$(state)" "$entries entries, 0 lost, active"
same "content" "$(sum)" "$content"

echo "-- what nobody interrupts is isolated in the end"
slow_reads 300
# shellcheck disable=SC2086
wait $readers
same "the readers" "$(answers)" "ENODATA "
same "found bad" "$(state)" "$((entries + 3)) entries, 3 lost, active"
same "the sector beside one" "$(probe "$r" 1002)" ok
remapctl -q stop r0
