# shellcheck shell=dash
# shellcheck disable=SC2154  # seed and before come from the host
# shellcheck source=/dev/null
. ./after-kill.sh
# The last life was killed while blocks were being rescued, or this is the first one.
echo "entries $entries"
[ "$before" = 0 ] || check "more entries than in the last life, $before" [ "$entries" -gt "$before" ]
verdict
mark storm
sectorio run "$r" --shadow /dev/disk/shadow --ops 1000000 --seed "$seed" --sizes 512-16K \
    --near unwritable.list --lost unreadable.list --rescued new.list --fresh --threads 4 \
    --flush-every 12 --fua 10 --reads 20
