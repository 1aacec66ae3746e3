// SPDX-License-Identifier: GPL-2.0-only
// remapctl without its main(): the whole program on a machine that the caller
// brings, so that tests run it on one made of plain files.
#pragma once

#include <memory>

#include "dm/device_mapper.h"
#include "sys/host.h"

namespace remap::ctl {

// Parse the command line, run the verb and say what came of it. Returns the exit
// code; never throws.
[[nodiscard]] int remapctl_main(int argc, char** argv, std::unique_ptr<sys::Host> host,
                                std::unique_ptr<dm::DeviceMapper> dm);

} // namespace remap::ctl
