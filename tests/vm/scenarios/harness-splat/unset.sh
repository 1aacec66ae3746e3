# shellcheck shell=dash
echo "$nothing"
