// SPDX-License-Identifier: GPL-2.0-only
// remapctl on the machine that the file $REMAP_WORLD describes. For tests only, and
// never installed.
#include <cstdlib>
#include <iostream>

#include "program.h"
#include "world.h"

int main(int argc, char** argv) {
    using namespace remap::test;
    const char* const path = std::getenv("REMAP_WORLD");
    if (path == nullptr) {
        std::cerr << "REMAP_WORLD names no world\n";
        return EXIT_FAILURE;
    }
    const auto world = std::make_shared<World>(path);
    return remap::ctl::remapctl_main(argc, argv, make_world_host(world),
                                     make_world_device_mapper(world));
}
