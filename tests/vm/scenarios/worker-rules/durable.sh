# shellcheck shell=dash
# FUA and flushes of what the workers write.
# shellcheck source=/dev/null
. ./set.sh

echo "-- a rescued write with FUA"
inject main rule bad w 4000+8 error=medium
inject spare rule slot w "$data+$((slots * 8))"
inject spare rule table w "0+$data"
inject spare rule flush f all hold times=1
before=$(fua_of spare)
start a put "$r" 4000 8 2 fua
inject spare await flush held 1
same "the slot was written, the table was not" "$(inject spare hits slot) $(inject spare hits table)" "1 0"
silent "no answer yet" a
inject spare release flush
answers "the write" a ok
same "the first copy of the table" "$(inject spare hits table)" 1
same "both have FUA" "$(($(fua_of spare) - before))" 2
inject spare clear

# The second copy, too, before the answer.
inject main rule bad2 w 4800+8 error=medium
inject spare rule copy1 w "$(slot_at "$slots")+800" hold times=1
start a put "$r" 4800 8 2
inject spare await copy1 held 1
silent "no answer before the second copy" a
inject spare release copy1
answers "the write" a ok
inject spare clear

echo "-- what is repeated"
repeated() { # DEV SECTOR-OF-DEV SECTOR OP FUA
    local before
    inject "$1" rule once w "$2+8" error=medium times=1
    before=$(fua_of "$1")
    same "$1, $4" "$(put "$r" "$3" 8 3 "$4") $(inject "$1" hits once)" "ok 1"
    same "$1, $4: with FUA" "$(($(fua_of "$1") - before))" "$5"
    inject "$1" drop once
}
repeated main 5600 5600 fua 2
repeated main 5600 5600 w 0
repeated spare "$(slot_at 0)" 4000 fua 2
repeated spare "$(slot_at 0)" 4000 w 0

echo "-- a flush goes where something was written"
flush() { # WANTED
    local m s
    m=$(flushes_of main)
    s=$(flushes_of spare)
    same "flush" "$(probe "$r" 0 1 flush) $(($(flushes_of main) - m)) $(($(flushes_of spare) - s))" "$1"
}
probe "$r" 0 1 flush >/dev/null
flush "ok 1 0"
same "a write to main" "$(put "$r" 8000 8 4)" ok
flush "ok 1 0"
same "a write to a slot" "$(put "$r" 4000 8 4)" ok
flush "ok 1 1"
flush "ok 1 0"
# by a worker
inject spare rule once w "$(slot_at 0)+8" error=medium times=1
same "one that is repeated" "$(put "$r" 4000 8 5)" ok
flush "ok 1 1"
flush "ok 1 0"
inject main rule bad3 w 6400+8 error=medium
same "a part of a block is rescued" "$(put "$r" 6403 1 5)" ok
flush "ok 1 1"
# what is written during the flush is not flushed by it
same "a write to a slot" "$(put "$r" 4000 8 6)" ok
inject spare rule hold f all hold times=1
start a probe "$r" 0 1 flush
inject spare await hold held 1
same "one more" "$(put "$r" 4800 8 6)" ok
inject spare release hold
answers "the flush" a ok
flush "ok 1 1"
flush "ok 1 0"
remapctl -q stop r0
