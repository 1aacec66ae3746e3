# shellcheck shell=dash
# Main is two disks in a row, and one of them is gone. That the other one works proves nothing.
# shellcheck source=/dev/null
. ./set.sh
fault_disk leg0 leg0
fault_disk leg1 leg1
border=$(size_of /dev/mapper/leg0)
size=$((2 * border))
printf '%s\n' "0 $border linear /dev/mapper/leg0 0" "$border $border linear /dev/mapper/leg1 0" |
    dmsetup create main
create /dev/mapper/main

# gone LEG ERROR ERRNO OPS PLACE... : no entries, whatever is asked of it
gone() {
    local leg=$1 error=$2 errno=$3 ops=$4 place
    shift 4
    echo "-- $leg: $error of $ops"
    inject "$leg" rule dead "$ops" all error="$error"
    for place in "$@"; do
        same "write of a block at $place" "$(probe "$r" "$place" 8 w)" "$errno"
        same "write of a sector at $place" "$(probe "$r" $((place + 2)) 1 w)" "$errno"
        case $ops in
            *r*) same "read at $place" "$(probe "$r" $((place + 16)))" "$errno" ;;
            *) same "read at $place" "$(probe "$r" $((place + 16)))" ok ;;
        esac
    done
    same "entries" "$(entries)" "0 entries, 0 lost"
    same "mode" "$(mode)" main-fault
    inject "$leg" drop dead
    same "rearm" "$(dmsetup message r0 0 rearm)" "ok active"
    for place in "$@"; do
        same "write at $place" "$(probe "$r" "$place" 24 w)" ok
        same "read at $place" "$(probe "$r" "$place" 24)" ok
    done
    same "entries" "$(entries)" "0 entries, 0 lost"
}
# Close to the border, farther away but in its region, in a region of the leg alone, at the end.
gone leg1 ioerr EIO rwfdz "$border" $((border + 800)) $((border + 80000)) $((size - 24))
gone leg1 medium ENODATA rwfdz "$border" $((border + 800)) $((border + 80000)) $((size - 24))
gone leg0 ioerr EIO rwfdz 0 1000 $((border - 80000)) $((border - 24))

gone leg1 ioerr EIO wz "$border" $((border + 800)) $((border + 80000)) $((size - 24))

# The damage of one leg is remapped, whatever the other one does.
echo "-- one leg has a bad sector, the other one is gone"
inject leg1 rule dead rwfdz all error=ioerr
same "write to the one that is gone" "$(probe "$r" $((border + 5000)) 8 w)" EIO
inject leg0 rule bad rw 50000+8 error=medium
same "write of the bad sector" "$(probe "$r" 50000 8 w)" ok
same "entries" "$(entries)" "1 entries, 0 lost"
same "write to the one that is gone" "$(probe "$r" $((border + 5008)) 8 w)" EIO
same "entries" "$(entries)" "1 entries, 0 lost"
inject leg1 drop dead
remapctl -q stop r0
