// SPDX-License-Identifier: GPL-2.0-only
#include "core/configuration.h"

#include <filesystem>
#include <fstream>

#include "expect_error.h"
#include "fake_host.h"

namespace remap::core {
namespace {

using test::expect_error;

TEST(Configuration, Policies) {
    EXPECT_EQ(parse_configuration("").auto_policy, AutoPolicy::mutual);
    EXPECT_EQ(parse_configuration("# c\n; c\n[assemble]\n auto = listed \n").auto_policy,
              AutoPolicy::listed);
    EXPECT_EQ(parse_configuration("auto=none").auto_policy, AutoPolicy::none);
    EXPECT_EQ(parse_configuration("auto=none\nauto=mutual").auto_policy, AutoPolicy::mutual);
}

TEST(Configuration, Mistakes) {
    const auto refused = [](const char* text, const char* part) {
        expect_error(Code::usage, part, [&] { (void)parse_configuration(text); });
    };
    refused("\n[scan]", "line 2: there is no section '[scan]'");
    refused("auto", "line 1: 'auto' is no KEY=VALUE");
    refused("auto=all", "line 1: auto is mutual, listed or none, not 'all'");
    refused("Auto=none", "there is no key 'Auto'");
}

TEST(Configuration, Files) {
    test::FakeHost host;
    EXPECT_EQ(read_configuration(host).auto_policy, AutoPolicy::mutual);
    EXPECT_TRUE(read_remaptab(host).entries.empty());
    std::filesystem::create_directories(host.root + "/etc/dm-remap");
    std::ofstream{host.root + "/etc/dm-remap/remapctl.conf"} << "auto=no\n";
    std::ofstream{host.root + "/etc/remaptab"} << "x\n";
    expect_error(Code::usage, "/etc/dm-remap/remapctl.conf: line 1: auto is",
                 [&] { (void)read_configuration(host); });
    EXPECT_EQ(read_remaptab(host).problems.at(0),
              "/etc/remaptab: line 1: has 1 fields, not 3 or 4: name, main, spare, options; the "
              "line is ignored");
}

TEST(Configuration, ListAndUnlist) {
    test::FakeHost host;
    format::SpareRecord record;
    record.set_uuid = Uuid::random();
    record.label = "data";
    record.main.wwn = "0x1";
    record.main_size = Sector{8};
    EXPECT_FALSE(unlist_set(host, record.set_uuid));
    EXPECT_TRUE(list_set(host, record));
    EXPECT_FALSE(list_set(host, record)); // a second time nothing is written
    const format::Remaptab tab = read_remaptab(host);
    EXPECT_TRUE(tab.problems.empty());
    ASSERT_EQ(tab.entries.size(), 1U);
    EXPECT_EQ(tab.entries[0].main.wwn, "0x1");
    EXPECT_FALSE(unlist_set(host, Uuid::random()));
    EXPECT_TRUE(unlist_set(host, record.set_uuid));
    EXPECT_TRUE(read_remaptab(host).entries.empty());
    record.main = {};
    EXPECT_FALSE(list_set(host, record)); // nothing to recognise main by
    EXPECT_TRUE(read_remaptab(host).entries.empty());
}

} // namespace
} // namespace remap::core
