# shellcheck shell=dash
same "one" 1 2
echo "goes on"
