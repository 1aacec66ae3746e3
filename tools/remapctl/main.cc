// SPDX-License-Identifier: GPL-2.0-only
// remapctl: makes, assembles and looks after dm-remap sets.
#include "program.h"

int main(int argc, char** argv) {
    return remap::ctl::remapctl_main(argc, argv, remap::sys::make_host(),
                                     remap::dm::make_device_mapper());
}
