// SPDX-License-Identifier: MIT
// nat-lab's small readers and writers of text and bytes.
#include <array>

#include <gtest/gtest.h>

#include "nat-lab/labelled_output.hpp"
#include "nat-lab/namespace_advice.hpp"
#include "nat-lab/node_command.hpp"
#include "nat-lab/socket_table.hpp"
#include "nat-lab/version_answerer.hpp"

namespace natterjack::lab {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

// As Linux 6.18 shows them: 192.168.1.1:5351 and 0.0.0.0:1900 by UDP.
constexpr std::string_view kUdpTable =
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode ref pointer drops\n"
    "  102: 0101A8C0:14E7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 "
    "9001 2 00000000f1c2f5c3 0\n"
    " 2002: 00000000:076C 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 "
    "9002 2 00000000f1c2f5c4 0\n";
// A listener on 0.0.0.0:5000 and a connection from port 6000.
constexpr std::string_view kTcpTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout\n"
    "   0: 00000000:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0\n"
    "   1: 0101A8C0:1770 0201A8C0:1389 01 00000000:00000000 00:00000000 00000000     0        0\n";

TEST(SocketTable, FindsASocketByAddressAndPort) {
    EXPECT_TRUE(is_open(kUdpTable, {false, "192.168.1.1", 5351}));
    EXPECT_TRUE(is_open(kUdpTable, {false, "", 5351}));
    EXPECT_FALSE(is_open(kUdpTable, {false, "192.168.1.2", 5351}));
    EXPECT_FALSE(is_open(kUdpTable, {false, "192.168.1.1", 5352}));
}

TEST(SocketTable, ASocketOnAllAddressesServesEachOfThem) {
    EXPECT_TRUE(is_open(kUdpTable, {false, "192.168.1.1", 1900}));
    EXPECT_TRUE(is_open(kTcpTable, {true, "192.168.1.1", 5000}));
}

TEST(SocketTable, FindsASocketOfIPv6) {
    // As Linux 6.18 shows them: [2a00:25:1::1]:3478, and [::]:5351.
    constexpr std::string_view kTable =
        "  sl  local_address                         remote_address                        st\n"
        "  10: 2500002A000001000000000001000000:0D96 00000000000000000000000000000000:0000 07\n"
        "  11: 00000000000000000000000000000000:14E7 00000000000000000000000000000000:0000 07\n";
    EXPECT_TRUE(is_open(kTable, {false, "2a00:25:1::1", 3478}));
    EXPECT_FALSE(is_open(kTable, {false, "2a00:25:2::1", 3478}));
    EXPECT_TRUE(is_open(kTable, {false, "2a00:25:2::1", 5351}));
    EXPECT_TRUE(is_open(kTable, {false, "192.168.1.1", 5351})); // it serves both families
}

TEST(SocketTable, AConnectionIsNoListener) {
    EXPECT_FALSE(is_open(kTcpTable, {true, "192.168.1.1", 6000}));
}

TEST(SocketTable, FindsNothingInNonsense) {
    for (const auto* table : {"", "\n\n", "   sl", " 1: x:y z 0A\n", " 1: 00000000 0 0A\n"}) {
        EXPECT_FALSE(is_open(table, {true, "", 5000})) << table;
    }
    EXPECT_FALSE(is_open(kUdpTable, {false, "gateway", 5351}));
    for (std::size_t size = 0; size < kUdpTable.find("14E7") + 4; ++size) {
        EXPECT_FALSE(is_open(kUdpTable.substr(0, size), {false, "", 5351})) << size;
    }
}

TEST(LabelledOutput, LabelsWholeLines) {
    LabelledOutput output("a");
    EXPECT_EQ(output.add("one\ntwo\nth"), "a: one\na: two\n");
    EXPECT_EQ(output.add("ree"), "");
    EXPECT_EQ(output.add("\n\n"), "a: three\na: \n");
    EXPECT_EQ(output.finish(), "");
}

TEST(LabelledOutput, EndsTheLastLine) {
    LabelledOutput output("outside");
    EXPECT_EQ(output.add("end"), "");
    EXPECT_EQ(output.finish(), "outside: end\n");
    EXPECT_EQ(output.finish(), "");
}

TEST(LabelledOutput, CutsEndlessLines) {
    LabelledOutput output("a");
    const auto text = output.add(std::string(200'000, 'x'));
    EXPECT_EQ(text.size(), 3 * (std::size_t{65'536} + 4));
}

TEST(NodeCommand, SplitsAtTheFirstColon) {
    const auto command = parse_node_command("router-a: echo a: b");
    ASSERT_TRUE(command);
    EXPECT_EQ(command->node, "router-a");
    EXPECT_EQ(command->command, (std::vector<std::string>{"/bin/sh", "-c", " echo a: b"}));
}

TEST(NodeCommand, RefusesWhatHasNoNodeOrNoCommand) {
    for (const auto* text : {"", "true", ": true", "A: true", "a b: true", "a:", "a: \t\n"}) {
        const auto command = parse_node_command(text);
        ASSERT_FALSE(command) << text;
        EXPECT_EQ(command.error().code, Errc::InvalidArgument);
    }
}

TEST(NodeCommand, SortsBySignificance) {
    std::vector<NodeCommand> commands{
        {"router-b", {"1"}}, {"outside", {"2"}}, {"b", {"3"}},
        {"internet", {"4"}}, {"a", {"5"}},       {"b", {"6"}},
    };
    sort_by_node(commands);
    std::string order;
    for (const auto& command : commands) order += command.command.front();
    EXPECT_EQ(order, "536241");
}

TEST(NamespaceAdvice, NamesTheSwitchThatForbids) {
    const auto has = [](const KernelSwitches& switches, bool root, const char* words) {
        return namespace_remedy(switches, root, "/usr/bin/nat-lab").find(words) !=
               std::string::npos;
    };
    EXPECT_TRUE(has({0, 1000, -1}, false, "sysctl -w kernel.unprivileged_userns_clone=1"));
    EXPECT_TRUE(has({1, 0, -1}, false, "sysctl -w user.max_user_namespaces="));
    EXPECT_TRUE(has({-1, 1000, 1}, false, "profile nat-lab /usr/bin/nat-lab flags=(unconfined)"));
    EXPECT_TRUE(
        has({-1, 1000, 1}, false, "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"));
    EXPECT_TRUE(has({-1, 1000, -1}, false, "seccomp"));
    EXPECT_TRUE(has({-1, 1000, -1}, true, "--privileged"));
    EXPECT_FALSE(has({-1, 1000, 1}, true, "AppArmor")); // it does not restrict root
}

TEST(VersionAnswer, OfANatPmpGateway) {
    // RFC 6886 section 3.5: version 0, opcode + 128, result 1, seconds since start.
    EXPECT_EQ(unsupported_version(Speaks::NatPmp, Bytes{2, 1, 0, 0}, 0x01020304s),
              (Bytes{0, 0x81, 0, 1, 1, 2, 3, 4}));
}

TEST(VersionAnswer, OfAPcpGateway) {
    // RFC 6887 section 7.2: version, R and opcode, reserved, result, lifetime, epoch, reserved.
    EXPECT_EQ(unsupported_version(Speaks::Pcp, Bytes{0, 0}, 258s),
              (Bytes{2, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(VersionAnswer, NoneToWhatIsNoRequest) {
    for (const auto speaks : {Speaks::NatPmp, Speaks::Pcp}) {
        EXPECT_TRUE(unsupported_version(speaks, {}, 0s).empty());
        EXPECT_TRUE(unsupported_version(speaks, Bytes{1}, 0s).empty());
        EXPECT_TRUE(unsupported_version(speaks, Bytes{1, 0x80}, 0s).empty());
    }
}

} // namespace
} // namespace natterjack::lab
