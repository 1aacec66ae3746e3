# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
systemctl is-system-running --wait || true
quiet
up good
up bits
says bits "superblock copy 0"
up last
# whichever was first
same "a name for two" "$(for set in one two; do device_of $set; done | sort | head -n 1)" same
for set in one two; do
    [ "$(device_of $set)" = same ] || up $set "same-$(uuid_of $set | cut -c1-8)"
done

down twins
says twins " both claim to be its spare"
says twins "one is a copy of the other: disconnect it, or use --spare"
down clone
says clone " carry the same member header"
says clone "one is a copy of the other: disconnect it, or use --main"
down old
says old " is of generation 1, main expects generation 2"
says old "look for the right one: UUID "
up three
says three "is ignored: it is of generation 1, main expects generation 2"
says three "is ignored: it is not the one that main names"
same "three: on the right one" "$(dmsetup deps -o devname three | grep -o "$(basename "$(readlink /dev/disk/three-spare)")")" \
    "$(basename "$(readlink /dev/disk/three-spare)")"
down half
says half "it is being dissolved"

down hostile
says hostile "its main device has no member header, and /etc/remaptab does not list it"
same "and it does name that disk" "$(remapctl assemble hostile -n)" \
    "Would assemble hostile from main $(readlink -f /dev/disk/victim) and spare $(readlink -f /dev/disk/hostile)."

for set in torn-main torn-spare; do
    down $set
    check "$set: told when time is up" await_line $set "is incomplete: "
done
says torn-main "is incomplete: its main device (a device without stable identity) is missing; the spare is $(readlink -f /dev/disk/torn-main-spare)"
says torn-spare "is incomplete: its spare (UUID "
says torn-spare "$(readlink -f /dev/disk/torn-spare-spare) is a spare with damaged metadata"
same "a flipped bit" "$(property /dev/disk/torn-main-main DM_REMAP_STATE)" damaged
same "noise" "$(property /dev/disk/torn-spare-spare DM_REMAP_STATE)" damaged
members_are_hidden
probe_never_crashed
journalctl -b -q -o cat -u 'remap-*'

printf '[assemble]\nauto=listed\n' >/etc/dm-remap/remapctl.conf
cat >/etc/remaptab <<END
mine  -  UUID=$(uuid_of good)
bits  -  UUID=$(uuid_of bits)  noauto
END
