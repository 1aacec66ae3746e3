# shellcheck shell=bash
# The guest's disks: raw image files, kept from boot to boot, with injected errors and recording.
# The caller sets vm (this harness), out (the run's directory), boot_dir (that of this boot), shuffle (a
# seed, or nothing), without and late (disks that are absent, or absent at first).
#
# The graph of one disk, from the guest down:
#   device (virtio-blk, scsi-hd, nvme) - blkdebug, if it has errors - file, or NBD to the recorder

: "${vm:?}" "${out=}" "${boot_dir=}" "${shuffle=}" "${without=}" "${late=}"
disk_names=()
declare -A disk_options=()
recorded=() record_name='' recorder_pid='' recorder_dir=''
qemu_disks=() late_device=''

# disk NAME SIZE [bus=scsi|virtio|nvme] [lbs=BYTES] [pbs=BYTES] [cache=on|off] [discard=on]
#      [copy=FILE | over=FILE] : a new disk, /dev/disk/NAME in the guest. It is empty, or a copy of FILE,
# or a qcow2 file that only has what differs from FILE. cache=off: one without a volatile write cache.
disk() {
    local name=$1 size=$2 from
    shift 2
    [[ " ${disk_names[*]} " != *" $name "* ]] || die "disk $name declared twice"
    disk_names+=("$name")
    disk_options[$name]=" bus=scsi lbs=512 pbs=512 cache=on discard=off $* "
    rm -f "$(image "$name")" "$(errors_file "$name")"
    from=$(option "$name" over)
    if [ -n "$from" ]; then
        qemu-img create -q -f qcow2 -b "$from" -F raw "$(image "$name")"
        return
    fi
    from=$(option "$name" copy)
    [ -z "$from" ] || cp --sparse=always "$from" "$(image "$name")"
    truncate -s "$size" "$(image "$name")"
}

# image NAME : the file that is the disk
image() { echo "$out/disks/$1.img"; }
errors_file() { echo "$out/disks/$1.errors"; }

# forget NAME... : takes disks away
forget() {
    local name kept=()
    for name in "$@"; do rm -f "$(image "$name")"; done
    for name in "${disk_names[@]}"; do
        [[ " $* " == *" $name "* ]] || kept+=("$name")
    done
    disk_names=("${kept[@]}")
}

# errors NAME [FILE] : from the next boot on, exactly these errors (from FILE or stdin; nothing: none).
# A line is "read|write SECTOR[+COUNT] [ERRNO]": every request of that kind that touches such a sector
# fails. On bus=scsi errno ENODATA (the default) is a medium error, EIO an aborted command.
errors() {
    grep -vE '^ *(#|$)' "${2:-/dev/stdin}" >"$(errors_file "$1")" || true
}

# record LOG DISK... : from the next boot on; the disks as they are now are kept as LOG's base images.
# "record stop" ends it. See log_list, log_stats, log_image.
record() {
    local disk
    record_name=$1
    shift
    recorded=("$@")
    if [ "$record_name" = stop ]; then
        record_name='' recorded=()
        return
    fi
    rm -f "$(log_file "$record_name")"*
    for disk in "$@"; do
        [ -z "$(option "$disk" over)" ] || die "record $disk: it has only what differs from another image"
        cp --sparse=always "$(image "$disk")" "$out/disks/$record_name.$disk.base"
    done
}

log_file() { echo "$out/disks/$1.log"; }
log_list() { "$vm/lib/replay_log.py" list "$(log_file "$1")" "${@:2}"; }
log_stats() { "$vm/lib/replay_log.py" stats "$(log_file "$1")"; }

# log_image LOG [DISK=NEW-DISK...] [option of replay_log.py image...] : what a power cut could have
# left of the recorded disks, into the images of other disks
log_image() {
    local log=$1 arguments=()
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            -*) arguments+=("$1") ;;
            *=*) arguments+=(--base "${1%%=*}=$out/disks/$log.${1%%=*}.base" --out "${1%%=*}=$(image "${1#*=}")") ;;
            *) arguments+=("$1") ;;
        esac
        shift
    done
    "$vm/lib/replay_log.py" image "$(log_file "$log")" "${arguments[@]}"
}

drop_disks() { rm -rf "$out/disks"; }

option() { # NAME KEY : a disk's option; the last one given counts
    local word value=''
    for word in ${disk_options[$1]}; do [ "${word%%=*}" != "$2" ] || value=${word#*=}; done
    echo "$value"
}

disk_bus_used() {
    local name
    for name in "${disk_names[@]}"; do
        [ "$(option "$name" bus)" != "$1" ] || return 0
    done
    return 1
}

start_recorder() {
    local name exports=()
    [ ${#recorded[@]} -gt 0 ] || return 0
    for name in "${recorded[@]}"; do exports+=("$name=$(image "$name")"); done
    # Not below $out: the path of a socket must be short.
    recorder_dir=$(mktemp -d)
    "$(compile recorder "$vm/host/recorder.c")" --socket "$recorder_dir/socket" --log "$(log_file "$record_name")" \
        "${exports[@]}" 2>"$boot_dir/recorder.log" &
    recorder_pid=$!
    for _ in {1..100}; do
        [ ! -S "$recorder_dir/socket" ] || return 0
        sleep 0.05
    done
    die "the recorder did not start: $(cat "$boot_dir/recorder.log")"
}

stop_recorder() {
    [ -n "$recorder_pid" ] || return 0
    kill "$recorder_pid" 2>/dev/null || true
    wait "$recorder_pid" 2>/dev/null || true
    rm -rf "$recorder_dir"
    recorder_pid=''
}

# blkdebug's rules as a file: on the command line there is no room for many. One rule is one sector.
blkdebug_rules() {
    awk '
        BEGIN { errno["EIO"] = 5; errno["ENODATA"] = 61; errno["ENOSPC"] = 28 }
        {
            split($2, where, "+")
            count = where[2] ? where[2] : 1
            number = $3 ? ($3 in errno ? errno[$3] : $3) : 61
            for (i = 0; i < count; i++)
                printf "[inject-error]\nevent = \"none\"\niotype = \"%s\"\nerrno = \"%d\"\nsector = \"%d\"\n\n",
                    $1, number, where[1] + i
        }' "$1"
}

# disk_order : the names in the order in which the guest finds them: as declared, or shuffled by a seed
disk_order() {
    local name
    for name in "${disk_names[@]}"; do
        [[ " $without " == *" $name "* ]] || echo "$name"
    done | python3 -c '
import random, sys
names = sys.stdin.read().split()
if sys.argv[1]:
    random.Random(sys.argv[1]).shuffle(names)
print(*names, sep="\n")' "$shuffle"
}

# Sets qemu_disks and, for the disk that comes late, late_device.
disk_arguments() {
    local name node bus rules sizes cache_flag discard device i=0
    qemu_disks=() late_device=''
    ! disk_bus_used scsi || qemu_disks+=(-device "virtio-scsi-pci,id=scsi")
    for name in $(disk_order); do
        bus=$(option "$name" bus)
        cache_flag=$(option "$name" cache)
        discard=''
        [ "$(option "$name" discard)" = off ] || discard=,discard=unmap
        # No flush needs to reach the host's disk: killing QEMU loses nothing of the host's page cache.
        if [[ " ${recorded[*]} " == *" $name "* ]]; then
            node=driver=nbd,server.type=unix,server.path=$recorder_dir/socket,export=$name$discard
        else
            node=driver=file,filename=$(image "$name"),cache.no-flush=on$discard
            [ -z "$(option "$name" over)" ] ||
                node=driver=qcow2,file.driver=file,file.filename=$(image "$name"),cache.no-flush=on$discard
        fi
        rules=$(errors_file "$name")
        if [ -s "$rules" ]; then
            blkdebug_rules "$rules" >"$boot_dir/$name.blkdebug"
            qemu_disks+=(-blockdev "$node,node-name=$name-file"
                -blockdev "driver=blkdebug,node-name=$name,image=$name-file,config=$boot_dir/$name.blkdebug$discard")
        else
            qemu_disks+=(-blockdev "$node,node-name=$name")
        fi
        sizes=logical_block_size=$(option "$name" lbs),physical_block_size=$(option "$name" pbs)
        case $bus in
            scsi) device=scsi-hd,bus=scsi.0,scsi-id=$((i % 250)),lun=$((i / 250)),drive=$name,serial=$name,dpofua=on,rerror=report,werror=report,write-cache=$cache_flag,$sizes ;;
            virtio) device=virtio-blk-pci,drive=$name,serial=$name,rerror=report,werror=report,write-cache=$cache_flag,$sizes ;;
            nvme) device=nvme,drive=$name,serial=$name,$sizes ;;
            *) die "disk $name: what is bus=$bus?" ;;
        esac
        if [ "$name" = "$late" ]; then
            [ "$bus" = scsi ] || die "disk $name can't come late: only SCSI disks can be plugged in"
            # shellcheck disable=SC2034  # for run
            late_device=$device
        else
            qemu_disks+=(-device "$device")
        fi
        i=$((i + 1))
    done
}
