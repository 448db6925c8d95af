// SPDX-License-Identifier: MIT
#include <bit>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "net/tcp_stream.hpp"
#include "net/tcp_table.hpp"
#include "tests/support/loop_runner.hpp"

namespace natterjack::net {
namespace {

using test::LoopRunner;

const Endpoint kLoopback{IpAddress::v4(0x7f000001), 0};

ByteView bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// A connection of this process with itself.
class Pair {
public:
    Pair() {
        auto opened =
            TcpListener::open(runner.loop(), kLoopback,
                              [this](std::unique_ptr<TcpStream> stream, const Endpoint& from) {
                                  taken = std::move(stream);
                                  remote = from;
                              });
        EXPECT_TRUE(opened);
        listener = *std::move(opened);
        auto connecting = TcpStream::connect(
            runner.loop(), listener->local(), {},
            {.on_open = [this] { open = true; },
             .on_bytes = [this](ByteView bytes) { got.append(bytes.begin(), bytes.end()); },
             .on_end = [this](const Error& error) { end = error; }});
        EXPECT_TRUE(connecting);
        ours = *std::move(connecting);
        EXPECT_FALSE(open) << "never before it returns";
        EXPECT_TRUE(runner.run_until([this] { return open && taken; }));
    }

    LoopRunner runner;
    std::unique_ptr<TcpListener> listener;
    std::unique_ptr<TcpStream> ours;
    std::unique_ptr<TcpStream> taken;
    Endpoint remote;
    bool open = false;
    std::string got;
    std::optional<Error> end;
};

TEST(TcpStream, CarriesBytesBothWays) {
    Pair pair;
    std::string there;
    pair.taken->set_handlers(
        {.on_open = {},
         .on_bytes = [&](ByteView bytes) { there.append(bytes.begin(), bytes.end()); },
         .on_end = {}});
    ASSERT_TRUE(pair.ours->send(bytes_of("there")));
    ASSERT_TRUE(pair.runner.run_until([&] { return there == "there"; }));
    ASSERT_TRUE(pair.taken->send(bytes_of("and back")));
    EXPECT_TRUE(pair.runner.run_until([&] { return pair.got == "and back"; }));
}

TEST(TcpStream, TellsItsEndOnce) {
    Pair pair;
    pair.taken.reset();
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.end.has_value(); }));
    EXPECT_EQ(pair.end->code, Errc::NotFound);
    pair.end.reset();
    pair.runner.run_pending();
    EXPECT_FALSE(pair.end);
}

TEST(TcpStream, MayEndByAReset) {
    Pair pair;
    pair.taken->reset_at_end();
    pair.taken.reset();
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.end.has_value(); }));
    EXPECT_EQ(pair.end->code, Errc::Network);
}

TEST(TcpStream, ReportsThatNobodyListens) {
    LoopRunner runner;
    Endpoint closed;
    {
        auto listener = TcpListener::open(runner.loop(), kLoopback, {});
        ASSERT_TRUE(listener);
        closed = (*listener)->local();
    }
    std::optional<Error> end;
    const auto stream = TcpStream::connect(runner.loop(), closed, {},
                                           {.on_open = [] { ADD_FAILURE(); },
                                            .on_bytes = {},
                                            .on_end = [&](const Error& error) { end = error; }});
    ASSERT_TRUE(stream);
    ASSERT_TRUE(runner.run_until([&] { return end.has_value(); }));
    EXPECT_EQ(end->code, Errc::Network);
}

TEST(TcpStream, IsSilentOnceDestroyed) {
    Pair pair;
    pair.ours.reset();
    (void)pair.taken->send(bytes_of("late")); // may or may not be refused already
    pair.runner.run_pending();
    EXPECT_TRUE(pair.got.empty());
    EXPECT_FALSE(pair.end);
}

TEST(TcpListener, DoesNotShareItsPort) {
    LoopRunner runner;
    const auto first = TcpListener::open(runner.loop(), kLoopback, {});
    ASSERT_TRUE(first);
    const auto second = TcpListener::open(runner.loop(), (*first)->local(), {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::Conflict);
}

TEST(TcpTable, HasAConnectionOfThisHost) {
    Pair pair;
    const auto port = pair.listener->local().port;
    EXPECT_TRUE(has_connection(port, pair.remote));
    EXPECT_FALSE(has_connection(port, {pair.remote.address, 1}));
    EXPECT_FALSE(has_connection(1, pair.remote));
}

// As proc(5) shows them on a little-endian machine; the addresses are the same backwards, so that
// the test holds on any.
constexpr const char* kTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    "   0: 7F00007F:1A0B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
    "   1: 7F00007F:1A0B 19010119:C001 01 00000000:00000000 00:00000000 00000000     0\n"
    "   2: 7F00007F:1A0B 19010119:C002 02 00000000:00000000 00:00000000 00000000     0\n"
    "   3: 7F00007F:1A0B 19010119:C003 06 00000000:00000000 00:00000000 00000000     0\n"
    "   4: nonsense\n";

TEST(TcpTable, CountsAllButListenersAndUnansweredSyns) {
    const auto address = IpAddress::v4(0x19010119);
    EXPECT_TRUE(table_has_connection(kTable, 6667, {address, 0xc001}));
    EXPECT_FALSE(table_has_connection(kTable, 6667, {address, 0xc002}));
    EXPECT_TRUE(table_has_connection(kTable, 6667, {address, 0xc003})) << "TIME-WAIT";
    EXPECT_FALSE(table_has_connection(kTable, 6667, {}));
    EXPECT_FALSE(table_has_connection(kTable, 6668, {address, 0xc001}));
}

TEST(TcpTable, ReadsIpv6AndMappedAddresses) {
    constexpr const char* kRow =
        "   0: 00000000000000000000000000000000:1A0B 0000000000000000FFFF0000%s:C001 01 0\n";
    std::string row = kRow;
    row.replace(row.find("%s"), 2, "19010119");
    // FFFF0000 is ::ffff: on a little-endian machine only
    const bool little = std::endian::native == std::endian::little;
    EXPECT_EQ(table_has_connection(row, 6667, {IpAddress::v4(0x19010119), 0xc001}), little);
    const std::string v6 = "   0: 00000000000000000000000000000000:1A0B "
                           "20020220000000000000000001000001:C001 01 0\n";
    EXPECT_TRUE(table_has_connection(v6, 6667, *Endpoint::parse("[2002:220::100:1]:49153")));
}

TEST(TcpTable, SurvivesEveryTruncation) {
    const std::string table = kTable;
    for (std::size_t length = 0; length < table.size(); ++length) {
        (void)table_has_connection(std::string_view(table).substr(0, length), 6667, {});
    }
}

} // namespace
} // namespace natterjack::net
