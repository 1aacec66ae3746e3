# shellcheck shell=dash
# The spare is away for a while: nothing is remapped, retired, lost or wrong because of that.
# shellcheck source=/dev/null
. ./set.sh
begin spare
offline=ENODEV
case $(uname -r) in 5.10.*) offline=EIO ;; esac

same "block 500" "$(remap 500 2)" ok
same "block 600" "$(remap 600 3)" ok
remapctl -q add r0 5608+8 --lost --yes
unwritable 800 801

# While it is away. Everything fails with the error of the device that it needs.
tried() { # ERRNO MODE
    same "a flush" "$(probe "$r" 0 1 flush)" "$1"
    same "a read of a slot" "$(show "$r" 4000)" "$1"
    same "a write to a slot" "$(put "$r" 4800 8 90)" "$1"
    same "to a part of it" "$(put "$r" 4801 1 91)" "$1"
    same "a write to a lost sector" "$(put "$r" 5610 1 92 | sed "s/$1/EIO/")" EIO
    same "a block that main can't take" "$(put "$r" 6400 8 93)" ENODATA
    same "nor a part of it" "$(put "$r" 6409 1 94)" ENODATA
    inject main rule r802 r 6416+8 error=medium
    same "what main can't read" "$(show "$r" 6420)" ENODATA
    inject main drop r802
    generation=$((generation + 1))
    same "a healthy block" "$(put "$r" 12000 8 $generation) $(show "$r" 12000)" "ok $generation"
    same "state" "$(state)" "3 entries, 8 lost, 0 bad, $2"
}
right() {
    same "$1: state" "$(state)" "${2:-3} entries, 8 lost, 0 bad, active"
    same "$1: metadata" "$(field 13) $(field 14) $(field 15)" "2 2 0"
    same "$1: content" "$(all_of 500) $(all_of 600) $(show "$r" 5610)" "$(eight 2) $(eight 3) ENODATA"
    same "$1: on main" "$(all_of 800) $(all_of 801) $(all_of 802)" "$(eight 1) $(eight 1) $(eight 1)"
}
away() { # ERROR ERRNO MODE
    echo "-- away: $1"
    same "a write to a slot" "$(put "$r" 4000 8 2)" ok
    inject spare rule out rwf all error="$1"
    tried "$2" "$3"
    inject spare drop out
    same "back, rearm" "$(msg rearm)" "ok active"
    right "rearm"
    same "flush" "$(probe "$r" 0 1 flush)" ok
}
generation=100
away ioerr EIO spare-fault
away medium ENODATA spare-fault
away target EREMOTEIO spare-fault
[ $offline = EIO ] || away offline $offline spare-fault
away transport ENOLINK spare-fault

echo "-- without rearm"
same "a write to a slot" "$(put "$r" 4000 8 2)" ok
inject spare rule out rwf all error=transport
tried ENOLINK spare-fault
inject spare drop out
same "what is on the spare works at once" "$(put "$r" 4000 8 2) $(show "$r" 4800) $(put "$r" 5615 1 7)" "ok 3 ok"
end=$(($(cut -d. -f1 /proc/uptime) + 30))
until [ "$(put "$r" 6400 8 4)" = ok ]; do
    [ "$(cut -d. -f1 /proc/uptime)" -lt $end ] || fail "it never tries the spare again"
    sleep 0.2
done
same "and new blocks after a while" "$(state)" "4 entries, 7 lost, 0 bad, active"
again
same "assembled again" "$(state)" "4 entries, 7 lost, 0 bad, active"

echo "-- before anything of the table was read"
inject spare rule out rwf all error=ioerr
same "a block that main can't take" "$(remap 900 93)" ENODATA
same "a write to a lost sector" "$(put "$r" 5611 1 92)" EIO
inject spare drop out
same "nothing is frozen" "$(state), $(field 15)" "4 entries, 7 lost, 0 bad, spare-fault, 0"
same "a write to a lost sector" "$(put "$r" 5611 1 8) $(entry 701 | cut -d' ' -f2-)" "ok 77 a -"
same "rearm" "$(msg rearm)" "ok active"
same "a new block" "$(put "$r" 7200 8 5) $(state)" "ok 5 entries, 6 lost, 0 bad, active"

# An outage of N I/Os after the first K: whatever is under way when it begins and when it ends.
echo "-- short ones"
short() { # OPS SKIP TIMES COMMAND... : the answer is in $answer
    local ops=$1 skip=$2 times=$3
    shift 3
    inject spare rule out "$ops" all error=ioerr skip="$skip" times="$times"
    answer=$("$@")
    inject spare drop out
}
for n in 1 2 3 4 6 8 9 10 11 12 13; do
    short rw 0 $n show "$r" 4803
    case $answer in 3 | EIO) ;; *) same "read, $n errors" "$answer" 3 ;; esac
    same "after a read, $n errors" "$(entry 600 | cut -d' ' -f2,4) $(all_of 600)" "00 - $(eight 3)"
    short rw 0 $n put "$r" 4803 1 3
    same "after a write of a part, $n errors" "$(entry 600 | cut -d' ' -f2,4) $(all_of 600)" "00 - $(eight 3)"
done
same "state" "$(state | sed 's/spare-fault/active/')" "5 entries, 6 lost, 0 bad, active"
block=1000
for k in 0 1 2 3; do
    for n in 1 2 3 4 6 11; do
        unwritable $block
        short rwf $k $n put "$r" $((block * 8)) 8 50
        same "rearm" "$(msg rearm)" "ok active"
        case $answer in
            ok) same "remapped, $n errors after $k" "$(all_of $block)" "$(eight 50)" ;;
            *) same "not remapped, $n errors after $k" "$answer $(all_of $block)" "ENODATA $(eight 1)" ;;
        esac
        [ "$(field 5) $(field 15)" = "0 0" ] || same "bad, frozen after $n errors after $k" "$(field 5) $(field 15)" "0 0"
        same "a second time" "$(put "$r" $((block * 8)) 8 51) $(all_of $block)" "ok $(eight 51)"
        block=$((block + 3))
    done
done
for n in 1 2 3 4 5 6 8 12 20; do
    short rw 0 $n msg verify
    same "verify, after one with $n errors" "$(msg verify | cut -d' ' -f1,4) $(field 5) $(field 15)" "ok 0 0 0"
done
before=$(state)
again
same "assembled again" "$(state)" "$before"
for k in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23; do
    same "block $((1000 + 3 * k))" "$(all_of $((1000 + 3 * k)))" "$(eight 51)"
done
remapctl -q stop r0
