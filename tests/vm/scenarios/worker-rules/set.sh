# shellcheck shell=dash
# Sourced. The first 16 MiB of main, and two times 1 MiB in its second region, have generation 1.
r=/dev/mapper/r0 main=/dev/mapper/main
region1=131072

fault_disk main main
fault_disk spare spare
for at in 0 1 2 3 4 5 6 7; do put $main $((at * 4096)) 4096 1 >/dev/null; done
for at in 0 8192; do put $main $((region1 + at)) 2048 1 >/dev/null; done
new_set $main /dev/mapper/spare
layout

# fua_of DEV : writes with FUA; flushes_of DEV
fua_of() { dmsetup status "$1" | awk '{ print $7 }'; }
flushes_of() { dmsetup status "$1" | awk '{ print $6 }'; }

# The proof that main takes writes drains the regions of the blocks it tries, see place() in
# module/dm-remap-prove.c. For the first blocks of region 1 those below are in region 0; with all
# above mapped, nothing but the rescue itself waits for what is under way in region 1.
lonely() { # BLOCK : one of these
    local d blocks=''
    for d in 1 4 16 64 128 512 1024 2048 4096 8192; do blocks="$blocks $(($1 + d))"; done
    # shellcheck disable=SC2086  # several words
    same "blocks around it" "$(msg add $blocks)" "ok 10 0 0"
}

# start NAME COMMAND... : in the background
start() {
    local name=$1
    shift
    rm -f "/tmp/$name"
    "$@" >"/tmp/$name" &
    eval "pid_$name=$!"
}
# answers WHAT NAME WANTED : what it said; at once, or it is released from whatever it waits for
answers() {
    local tries=0
    while [ ! -s "/tmp/$2" ] && [ $tries -lt 200 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    if [ $tries = 200 ]; then
        check "$1: an answer" false
        inject main clear
        inject spare clear
    fi
    eval "wait \$pid_$2" || true
    same "$1" "$(cat "/tmp/$2")" "$3"
}
# silent WHAT NAME : it gives no answer, for as long as one that is due would take at most
silent() {
    local tries=0
    while [ ! -s "/tmp/$2" ] && [ $tries -lt 7 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    check "$1" [ ! -s "/tmp/$2" ]
}
# not_yet WHAT DEV RULE N : the rule is not asked for the Nth time. What must not happen would happen
# within milliseconds.
not_yet() {
    if inject "$2" await "$3" hits "$4" 700 2>/dev/null; then check "$1" false; else check "$1" true; fi
}
