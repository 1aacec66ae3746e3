# shellcheck shell=dash
sleep 1000
