# shellcheck shell=dash
# What a rescue does not wait for.
# shellcheck source=/dev/null
. ./set.sh
far=$((region1 + 8192))

echo "-- a write in another region"
inject main rule h w $far+8 hold times=1
start a put "$r" $far 8 2
inject main await h held 1
inject main rule bad w 4003 error=medium
start b put "$r" 4003 1 3
answers "a rescue" b ok
check "it is still under way" [ ! -s /tmp/a ]
inject main release h
answers "the write" a ok
same "content" "$(all_of 500) $(show "$r" $far 8)" "1 1 1 3 1 1 1 1 $(eight 2)"
inject main clear

echo "-- a read of the same block"
inject main rule h r 4807 hold times=1
start a show "$r" 4807
inject main await h held 1
inject main rule bad w 4803 error=medium
start b put "$r" 4803 1 3
answers "a rescue" b ok
check "it is still under way" [ ! -s /tmp/a ]
inject main release h
answers "the read" a 1
same "content" "$(all_of 600)" "1 1 1 3 1 1 1 1"
inject main clear

echo "-- the isolation of a read error"
# The bio, the worker, the whole block, and then the sector alone.
inject main rule h r $((far + 803)) hold error=medium skip=3 times=1
inject main rule bad r $((far + 803)) error=medium
start a show "$r" $((far + 800)) 8
inject main await h held 1
inject main rule bad1 w 5603 error=medium
start b put "$r" 5603 1 3
answers "a rescue in another region" b ok
inject main rule bad2 w $((far + 1003)) error=medium
start b put "$r" $((far + 1003)) 1 3
answers "a rescue in the same one" b ok
same "status" "$(state)" "4 entries, 0 lost, 0 bad, active"
check "it is still under way" [ ! -s /tmp/a ]
inject main release h
answers "the read" a ENODATA
same "state" "$(state)" "5 entries, 1 lost, 0 bad, active"
inject main clear

echo "-- a commit"
inject main rule bad w 6403 error=medium
inject spare rule h w 128+8 hold times=1
start a put "$r" 6403 1 3
inject spare await h held 1
start b state
answers "status" b "5 entries, 1 lost, 0 bad, active"
start b put "$r" 8000 8 4
answers "a write to main" b ok
start b put "$r" 4000 8 4
answers "a write to a slot" b ok
start b show "$r" 5600 8
answers "a read of a slot" b "1 1 1 3 1 1 1 1"
check "it is still under way" [ ! -s /tmp/a ]
inject spare release h
answers "the rescue" a ok
same "content" "$(all_of 800)" "1 1 1 3 1 1 1 1"
remapctl -q stop r0
