# shellcheck shell=dash
# Settings: sets, samples
: "${sets:?}" "${samples:?}"

# null_device NAME QUEUE-MODE : a null_blk of 1 TiB that completes each request where it was submitted
null_device() {
    local d=/sys/kernel/config/nullb/$1
    mkdir "$d"
    for setting in size=1048576 queue_mode="$2" irqmode=0 completion_nsec=0 submit_queues=1; do
        echo "${setting#*=}" >"$d/${setting%%=*}"
    done
    echo 1 >"$d/power"
    [ "$2" = 0 ] || echo none >"/sys/block/$1/queue/scheduler"
}

spare_traffic() { for n in $sets; do counter "/dev/disk/spare$n" 1; counter "/dev/disk/spare$n" 5; done; }

# Does the counter count instructions?
./measure-io calibrate

devices=0 remaps=''
for n in $sets; do remaps="$remaps remap-$n"; done
for mode in bio mq; do
    queue_mode=0
    [ $mode = bio ] || queue_mode=2
    null_device "nullb$devices" $queue_mode
    raw=nullb$devices
    devices=$((devices + 1))
    length=$(size_of /dev/$raw)
    dmsetup create linear --table "0 $length linear /dev/$raw 0"
    # Two sets can't share a main device.
    for n in $sets; do
        null_device "nullb$devices" $queue_mode
        dmsetup create "remap-$n" --table "0 $length remap /dev/nullb$devices /dev/disk/spare$n"
        dmsetup status "remap-$n"
        devices=$((devices + 1))
    done
    before=$(spare_traffic)
    sample=0
    while [ $sample -lt "$samples" ]; do
        for device in $raw linear $remaps; do
            path=/dev/mapper/$device
            [ "$device" != "$raw" ] || path=/dev/$raw device=raw
            for direction in r w; do
                echo "$mode $device $direction $(./measure-io "$path" $direction blocks)" >>/out/samples
            done
        done
        sample=$((sample + 1))
    done
    same "no I/O reached a spare ($mode)" "$(spare_traffic | tr '\n' ' ')" "$(echo "$before" | tr '\n' ' ')"
    for n in $sets; do dmsetup remove "remap-$n"; done
    dmsetup remove linear
done
uname -r >/out/kernel
