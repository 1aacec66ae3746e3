# shellcheck shell=dash
# Errors that say nothing about a sector, and errors that go away.
# shellcheck source=/dev/null
. ./set.sh
fault_disk main disk
create /dev/mapper/main
offline=ENODEV
case $(uname -r) in 5.10.*) offline='' ;; esac

# -- passed up as they are, whatever they are for
before="$(field 8) $(field 9) $(field 11) $(events)"
for kind in timeout=ETIMEDOUT transport=ENOLINK offline=$offline resource=ENOMEM notsupp=EOPNOTSUPP; do
    [ "${kind#*=}" ] || continue
    for op in r w; do
        inject main rule e $op 1000 error="${kind%=*}"
        same "$op, ${kind%=*}" "$(probe "$r" 1000 8 $op)" "${kind#*=}"
        # reads and writes may not be repeated for it: the second may do what the first did not
        same "asked once" "$(inject main hits e)" 1
        inject main drop e
    done
done
inject main rule once w 1000 error=timeout times=1
same "a timeout" "$(probe "$r" 1000 8 w)" ETIMEDOUT
same "once" "$(probe "$r" 1000 8 w)" ok
inject main drop once
same "errors of sectors, healed ones, events" "$(field 8) $(field 9) $(field 11) $(events)" "$before"
unchanged "passed up"

# -- flush, discard
for kind in ioerr=EIO medium=ENODATA transport=ENOLINK; do
    before=$(events)
    flush_errors=$(stat_of flush_errors)
    inject main rule f f all error="${kind%=*}"
    same "flush, ${kind%=*}" "$(probe "$r" 0 1 flush)" "${kind#*=}"
    same "counted" $(($(stat_of flush_errors) - flush_errors)) 1
    check "an event" [ "$(events)" -gt "$before" ]
    inject main drop f
    same "flush" "$(probe "$r" 0 1 flush)" ok
done
for kind in ioerr medium; do
    inject main rule d d all error=$kind
    if /sbin/blkdiscard -f -o 4M -l 1M "$r" 2>/tmp/log; then check "a failed discard says so" false; fi
    check "$(cat /tmp/log)" [ "$(inject main hits d)" = 1 ]
    inject main drop d
done
check "discard" /sbin/blkdiscard -f -o 4M -l 1M "$r"
unchanged "flush and discard"

# -- readahead: a buffered read of the first block reads some more
blockdev --flushbufs "$r"
inject main rule ahead r 16+8 error=medium
noted=$(stat_of noted_errors)
same "a buffered read" "$(dd if="$r" of=/dev/null bs=4096 count=1 2>&1 | grep -c error)" 0
check "reads the bad block ahead" [ "$(inject main hits ahead)" -gt 0 ]
check "which is noted" [ "$(stat_of noted_errors)" -gt "$noted" ]
unchanged "readahead"
inject main clear

# -- what succeeds when it is repeated
healed=$(field 11)
sector=50000
for kind in ioerr medium target; do
    for op in r w; do
        inject main rule once $op $sector error=$kind times=1
        same "$op, $kind once" "$(probe "$r" $((sector / 8 * 8)) 8 $op)" ok
        same "met" "$(inject main hits once)" 1
        inject main drop once
        inject main rule once $op $sector error=$kind times=1
        same "$op of many blocks, $kind once" "$(probe "$r" $((sector - 50)) 256 $op)" ok
        same "met" "$(inject main hits once)" 1
        inject main drop once
        sector=$((sector + 800))
    done
done
same "healed" $(($(field 11) - healed)) 12
unchanged "healed"

# ... but not if that happens again and again to the same block
for i in 1 2 3; do
    inject main rule once r 60003 error=medium times=1
    same "heals, $i" "$(probe "$r" 60003)" ok
    inject main drop once
done
same "three times: moved as weak" "$(entries)" "1 entries, 0 lost"
same "by reason" "$(field 12)" "0,0,0,0,1,0,0"
remapctl -q stop r0
