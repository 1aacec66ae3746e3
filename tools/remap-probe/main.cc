// SPDX-License-Identifier: GPL-2.0-only
// remap-probe: tells udev whether a device is a member of a dm-remap set.
//
//   remap-probe DEV            what its first and last block say, within 3 s
//   remap-probe --listed DEV   whether /etc/remaptab names it as the main device of
//                              a set; does not read the device
//   remap-probe --mounted DEV  whether it is mounted, or used as swap
//   remap-probe --wait DEV     return when the device answers, however long it takes
//
// Output is for IMPORT{program} of udev only, see answer.h. Exit status: 0 if there
// is something to say, else 1, without a word.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "listed.h"
#include "look.h"

namespace {

using namespace remap::probe;

// udev gives a program of a rule 180 s, but all events of the disk wait for it.
constexpr std::chrono::seconds patience{3};

int say(const std::string& text) {
    if (text.empty() || std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}

int wait_for(const std::string& path) {
    bool read = false;
    read_device(path, [&](Part part, std::uint64_t, const Block*) { read |= part == Part::end; });
    return read ? EXIT_SUCCESS : EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    try {
        const std::string_view option = argc == 3 ? argv[1] : "";
        if (option == "--listed")
            return say(listed(argv[2], {}));
        if (option == "--mounted")
            return say(is_mounted(argv[2]) ? "DM_REMAP_MOUNTED=1\n" : "DM_REMAP_MOUNTED=0\n");
        if (option == "--wait")
            return wait_for(argv[2]);
        if (argc == 2 && argv[1][0] != '-')
            return say(answer(look(argv[1], patience)));
    } catch (const std::exception&) {
        return EXIT_FAILURE; // out of memory
    }
    std::fputs("usage: remap-probe [--listed|--mounted|--wait] DEVICE\n", stderr);
    return EXIT_FAILURE;
}
