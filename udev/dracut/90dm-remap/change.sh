#!/bin/sh
# remap.create= and remap.dissolve= of the kernel command line, before the root file system
# is mounted. After the unit that resumes from hibernation, as everything in this hook.
/lib/dm-remap/create || warn "remap.create= has failed"
/lib/dm-remap/dissolve || warn "remap.dissolve= has failed"
