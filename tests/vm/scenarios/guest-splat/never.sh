# shellcheck shell=dash
fail "the system came up"
