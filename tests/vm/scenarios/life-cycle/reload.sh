# shellcheck shell=dash
# shellcheck source=/dev/null
. ./set.sh
half=32768 size=$(size_of /dev/disk/disk)
check_old() {
    dmsetup create part --table "0 $half linear $r 0"
    check "every sector of the old part" sectorio verify /dev/mapper/part --shadow "$shadow" --lost bad.list
    dmsetup remove part
}
start $half
inject disk rule bad rw 8000+64 error=medium
inject disk rule bad2 w 20000+200 error=ioerr

echo "-- other options under load and errors"
activation=$(field 19)
sectorio run "$r" --shadow "$shadow" --ops 3000 --seed 5 --sizes 512-16K --threads 4 --near bad.list --lost bad.list \
    >/tmp/load 2>&1 &
load=$!
for n in 1 2 3 4 5 6 7 8; do
    reload "$(table $half rescue=$n isolate_ms=5000)"
    case $n in
        3) same "the table" "$(dmsetup table r0 | cut -d' ' -f6-)" "1 isolate_ms=5000" ;;
        *) same "the table" "$(dmsetup table r0 | cut -d' ' -f6-)" "2 rescue=$n isolate_ms=5000" ;;
    esac
done
check "the load went on" kill -0 $load
wait $load || { cat /tmp/load; check "the load" false; }
cat /tmp/load
same "it was one activation" "$(field 19)" "$activation"
same "mode" "$(field 2)" active
check "there were errors ($(field 6) entries)" [ "$(field 6)" -ge 8 ]
check "every sector" sectorio verify "$r" --shadow "$shadow" --lost bad.list

echo "-- a longer main under load"
entries=$(field 6)
sectorio run "$r" --shadow "$shadow" --ops 1500 --seed 6 --sizes 512-16K --threads 4 --range 0+16384 --lost bad.list \
    >/tmp/load 2>&1 &
load=$!
dmsetup load main --table "$(main_is "$size")"
dmsetup resume main
check "no shorter" fails dmsetup load r0 --table "$(table $((half - 8)))"
check "not longer than main" fails dmsetup load r0 --table "$(table $((size + 8)))"
reload "$(table "$size")"
check "the load went on" kill -0 $load
wait $load || { cat /tmp/load; check "the load" false; }
same "size" "$(size_of "$r")" "$size"
check "entries are there still" [ "$(field 6)" -ge "$entries" ]
inject disk rule new w $((size - 80))+8 error=medium
same "a bad block of the new part" "$(probe "$r" $((size - 80)) 8 w)" ok
same "the end" "$(probe "$r" $((size - 8)) 8 w)" ok
check "no way back" fails dmsetup load r0 --table "$(table $half)"
dmsetup clear r0
check "no read-only table for it" fails dmsetup load r0 --readonly --table "$(table "$size")"
check_old
remapctl -q stop r0
remapctl -q assemble r0 --main /dev/mapper/main --spare /dev/mapper/spare
same "size, after stop and assemble" "$(size_of "$r")" "$size"
same "the block of the new part is remapped" "$(dmsetup message r0 0 list $(((size - 80) / 8)) | cut -d' ' -f1 | head -1)" $(((size - 80) / 8))
check_old

echo "-- growth that can't be recorded"
remapctl -q stop r0
inject disk clear
dmsetup remove main
dmsetup create main --table "$(main_is $((half + 4)))"
new_set /dev/mapper/main /dev/mapper/spare
inject spare rule sb w 0+8 error=medium
dmsetup load main --table "$(main_is "$size")"
dmsetup resume main
dmsetup load r0 --table "$(table "$size")"
check "refused at resume" fails dmsetup resume r0
inject spare drop sb
dmsetup load r0 --table "$(table $((half + 4)))"
check "the old size goes on" dmsetup resume r0
same "a read" "$(probe "$r" 100)" ok
echo "-- a last block that is short"
same "add" "$(dmsetup message r0 0 add $((half / 8)))" "ok 1 0 0"
check "remapped: no growth" fails dmsetup load r0 --table "$(table "$size")"
same "unmap" "$(dmsetup message r0 0 unmap $((half / 8)))" "ok 1 0 0"
dmsetup load r0 --table "$(table "$size")"
same "added after the table was loaded" "$(dmsetup message r0 0 add $((half / 8)))" "ok 1 0 0"
check "no growth, at resume" fails dmsetup resume r0
dmsetup load r0 --table "$(table $((half + 4)))"
dmsetup resume r0
same "unmap" "$(dmsetup message r0 0 unmap $((half / 8)))" "ok 1 0 0"
reload "$(table "$size")"
same "size" "$(size_of "$r")" "$size"
finish
