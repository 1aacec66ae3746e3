# shellcheck shell=dash
# shellcheck disable=SC2154  # count and first come from the host
# --force: the copies of main have other serial numbers
i=0 refused=0
while [ "$i" -lt "$count" ]; do
    what="image $((first + i))"
    if remapctl assemble r0 --force --main "/dev/disk/main$i" --spare "/dev/disk/spare$i" >/tmp/log 2>&1; then
        if sectorio verify /dev/mapper/r0 --shadow "/dev/disk/shadow$i" --crashed --lost unreadable.list >>/tmp/log 2>&1; then
            echo "ok    $what"
        else
            check "$what is right" false
            cat /tmp/log
        fi
        remapctl -q stop r0
        remapctl -q metadata check "/dev/disk/spare$i" >/tmp/log 2>&1 ||
            { check "$what: metadata is repaired" false; cat /tmp/log; }
    elif [ "$(cat "lost.$((first + i))")" != none ] &&
        dmesg | tail -n 3 | grep -q "a table block is damaged in both copies"; then
        # The power cut tore one copy and the other one is the one we took away: to refuse is right.
        echo "ok    $what is refused"
        refused=$((refused + 1))
    else
        check "$what assembles" false
        cat /tmp/log
        dmesg | tail -n 3
    fi
    i=$((i + 1))
done
echo "$refused" >/out/refused
