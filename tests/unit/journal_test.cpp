// SPDX-License-Identifier: MIT
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "traversal/journal.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::system_clock::time_point;

const Time kNow{std::chrono::seconds(1'700'000'000)};
// Of a boot that is over.
const net::Process kSomebody{42, 7, "a boot", 1, "/usr/bin/somebody"};

class JournalTest : public testing::Test {
protected:
    ~JournalTest() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] static JournalEntry entry(std::uint16_t port, Time ends = kNow + 2h) {
        JournalEntry out;
        out.mapping = {.strategy = Strategy::Pcp,
                       .transport = Transport::Tcp,
                       .internal = *Endpoint::parse("192.168.1.2:" + std::to_string(port)),
                       .external = *Endpoint::parse("25.0.113.7:" + std::to_string(port)),
                       .lifetime = Lifetime(7200),
                       .gateway = IpAddress::v4(0xC0A80101),
                       .nonce = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255},
                       .control_url = "http://192.168.1.1/ctl",
                       .service_type = "urn:x",
                       .description = "a \"quoted\" one"};
        out.ends = ends;
        out.owner = kSomebody;
        return out;
    }
    [[nodiscard]] std::string file() const { return directory_ + "/state/mappings.json"; }
    void write(const std::string& text) const {
        std::filesystem::create_directories(directory_ + "/state");
        std::ofstream(file()) << text;
    }

    [[nodiscard]] static std::string make_directory() {
        std::string pattern = testing::TempDir() + "journal-XXXXXX";
        return mkdtemp(pattern.data());
    }

    const std::string directory_ = make_directory();
    Journal journal_{directory_ + "/state"};
};

TEST_F(JournalTest, SeesWhatOthersWroteSinceItWasReadLast) {
    Journal copy = journal_;
    const Journal elsewhere(directory_ + "/state");
    ASSERT_TRUE(journal_.put(entry(6667), kNow));
    ASSERT_EQ(copy.read(kNow).size(), 1U);
    // A text of the same length.
    ASSERT_TRUE(elsewhere.apply({{.entry = entry(6667), .erase = true}, {entry(7776)}}, kNow));
    for (const Journal* journal : {&journal_, &copy}) {
        const auto entries = journal->read(kNow);
        ASSERT_EQ(entries.size(), 1U);
        EXPECT_EQ(entries[0].mapping.internal.port, 7776);
    }
    write("no journal");
    EXPECT_TRUE(copy.read(kNow).empty());
}

TEST_F(JournalTest, KeepsBothMappingsOfTwoNatsInARow) {
    auto both = entry(6667);
    both.mapping.hops = {entry(6667).mapping, entry(7000).mapping};
    both.mapping.hops[1].strategy = Strategy::Igd;
    ASSERT_TRUE(journal_.put(both, kNow));
    const auto entries = journal_.read(kNow);
    ASSERT_EQ(entries.size(), 1U);
    const auto& hops = entries[0].mapping.hops;
    ASSERT_EQ(hops.size(), 2U);
    EXPECT_EQ(hops[0].strategy, Strategy::Pcp);
    EXPECT_EQ(hops[1].strategy, Strategy::Igd);
    EXPECT_EQ(hops[1].external.port, 7000);
    EXPECT_EQ(hops[1].nonce, both.mapping.nonce);
    EXPECT_TRUE(hops[1].hops.empty());
}

// Zero would say that it stays until it is deleted.
TEST_F(JournalTest, ALeaseHasASecondLeftUntilItsEnd) {
    const auto short_lived = entry(6667, kNow + std::chrono::milliseconds(300));
    EXPECT_EQ(short_lived.left(kNow), std::chrono::seconds(1));
    EXPECT_EQ(short_lived.left(kNow - std::chrono::seconds(10)), std::chrono::seconds(11));
    EXPECT_EQ(entry(6667, {}).left(kNow), std::chrono::seconds(0));
}

TEST_F(JournalTest, KeepsWhomAMappingAdmits) {
    auto restricted = entry(6667);
    restricted.mapping.only_from = {*RemotePeers::parse("192.0.2.0/24:7"),
                                    *RemotePeers::parse("192.0.2.9")};
    ASSERT_TRUE(journal_.put(restricted, kNow));
    const auto entries = journal_.read(kNow);
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].mapping.only_from, restricted.mapping.only_from);
}

TEST_F(JournalTest, KeepsTheNameThatTheGatewayHasForUs) {
    auto named = entry(6667);
    named.mapping.host_name = "laptop.lan";
    ASSERT_TRUE(journal_.put(named, kNow));
    EXPECT_EQ(journal_.read(kNow).at(0).mapping.host_name, "laptop.lan");
}

TEST_F(JournalTest, TellsTheFlowsOfOnePortApart) {
    auto flow = entry(6667);
    flow.mapping.remote = Endpoint{IpAddress::v4(0xC0000209), 7};
    auto other = flow;
    other.mapping.remote->port = 8;
    ASSERT_TRUE(journal_.put(entry(6667), kNow));
    ASSERT_TRUE(journal_.put(flow, kNow));
    ASSERT_TRUE(journal_.put(other, kNow));
    ASSERT_EQ(journal_.read(kNow).size(), 3U);
    const auto claim = journal_.claim(other.mapping, "", kSomebody, kNow);
    ASSERT_EQ(claim.ownership, Ownership::Inherited);
    EXPECT_EQ(claim.entry.mapping.remote, other.mapping.remote);
    ASSERT_TRUE(journal_.erase(flow.mapping, kNow));
    EXPECT_EQ(journal_.read(kNow).size(), 2U);
}

TEST_F(JournalTest, ReadsWhatItWrote) {
    ASSERT_TRUE(journal_.put(entry(6667), kNow));
    const auto entries = journal_.read(kNow);
    ASSERT_EQ(entries.size(), 1U);
    const auto want = entry(6667);
    const auto& got = entries[0];
    EXPECT_TRUE(is_same_mapping(got.mapping, want.mapping));
    EXPECT_EQ(got.mapping.external, want.mapping.external);
    EXPECT_EQ(got.mapping.nonce, want.mapping.nonce);
    EXPECT_EQ(got.mapping.control_url, want.mapping.control_url);
    EXPECT_EQ(got.mapping.service_type, want.mapping.service_type);
    EXPECT_EQ(got.mapping.description, want.mapping.description);
    EXPECT_EQ(got.mapping.lifetime, want.mapping.lifetime);
    EXPECT_EQ(got.ends, want.ends);
    EXPECT_EQ(got.owner, want.owner);
}

TEST_F(JournalTest, KeepsOneEntryForOneMapping) {
    ASSERT_TRUE(journal_.put(entry(1, kNow + 1h), kNow));
    ASSERT_TRUE(journal_.put(entry(2), kNow));
    ASSERT_TRUE(journal_.put(entry(1, kNow + 3h), kNow));
    const auto entries = journal_.read(kNow);
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[1].ends, kNow + 3h);
    ASSERT_TRUE(journal_.erase(entry(1).mapping, kNow));
    ASSERT_EQ(journal_.read(kNow).size(), 1U);
    EXPECT_EQ(journal_.read(kNow)[0].mapping.internal.port, 2);
}

TEST_F(JournalTest, ForgetsWhatHasEndedButNotWhatHasNoEnd) {
    ASSERT_TRUE(journal_.put(entry(1, kNow + 1h), kNow));
    ASSERT_TRUE(journal_.put(entry(2, Time()), kNow));
    const auto entries = journal_.read(kNow + 1h);
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].mapping.internal.port, 2);
}

TEST_F(JournalTest, SetsAsideWhatItCannotUnderstand) {
    for (const std::string bad :
         {"", "{", "[]", R"({"schema":"other/1","mappings":[]})",
          R"({"schema":"natterjack-journal/2","mappings":[{"strategy":"igd"}]})",
          R"({"schema":"natterjack-journal/2","mappings":7})", "\xff\xfe"}) {
        write(bad);
        EXPECT_TRUE(journal_.read(kNow).empty()) << bad;
        ASSERT_TRUE(journal_.put(entry(6667), kNow)) << bad;
        EXPECT_EQ(journal_.read(kNow).size(), 1U) << bad;
        std::ifstream aside(file() + ".broken");
        const std::string kept((std::istreambuf_iterator<char>(aside)), {});
        EXPECT_EQ(kept, bad);
    }
}

TEST_F(JournalTest, SurvivesEveryTruncation) {
    ASSERT_TRUE(journal_.put(entry(6667), kNow));
    std::ifstream in(file());
    const std::string whole((std::istreambuf_iterator<char>(in)), {});
    ASSERT_GT(whole.size(), 100U);
    const auto end = whole.find_last_of('}');
    for (std::size_t length = 0; length <= end; length += 7) {
        write(whole.substr(0, length));
        EXPECT_TRUE(journal_.read(kNow).empty()) << length;
    }
}

TEST_F(JournalTest, IsReadableByItsUserAlone) {
    ASSERT_TRUE(journal_.put(entry(6667), kNow));
    using std::filesystem::perms;
    EXPECT_EQ(std::filesystem::status(file()).permissions() & perms::all,
              perms::owner_read | perms::owner_write);
}

TEST_F(JournalTest, SaysWhyItCannotBeWritten) {
    const Journal nowhere("/proc/no/such/place");
    const auto written = nowhere.put(entry(1), kNow);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Errc::Network);
    EXPECT_NE(written.error().detail, 0);
}

TEST_F(JournalTest, DoesNothingForAUserWithoutAHome) {
    const Journal none("");
    EXPECT_TRUE(none.put(entry(1), kNow));
    EXPECT_TRUE(none.read(kNow).empty());
}

/// A journal of one entry, with one field's value replaced.
std::string with(const std::string& field, const std::string& value) {
    JournalContents contents;
    contents.entries.push_back({.mapping = {.strategy = Strategy::Pcp}, .owner = kSomebody});
    auto text = to_text(contents);
    const auto from = text.find('"' + field + "\": ") + field.size() + 4;
    return text.replace(from, text.find_first_of(",\n", from) - from, value);
}

TEST(JournalText, UnderstandsNoAbsurdNumbers) {
    ASSERT_TRUE(parse_journal(with("ends", "0")));
    ASSERT_TRUE(parse_journal(with("ends", "9000000000"))); // the year 2255
    for (const char* value : {"-1", "9223372037", "9223372036854775807", "-9223372036854775808",
                              "18446744073709551615", "1e300", "1.5", "\"1\"", "null", "[]"}) {
        EXPECT_FALSE(parse_journal(with("ends", value))) << value;
        EXPECT_FALSE(parse_journal(with("lifetime_s", value))) << value;
    }
    EXPECT_FALSE(parse_journal(with("pid", "-1")));
    EXPECT_FALSE(parse_journal(with("pid", "1e300")));
    EXPECT_FALSE(parse_journal(with("started", "-1")));
    EXPECT_FALSE(parse_journal(with("pid_space", "1e300")));
    EXPECT_FALSE(parse_journal(with("schema", "\"another\"")));
}

TEST_F(JournalTest, SetsAsideAFileWithAnAbsurdEnd) {
    write(with("ends", "9223372036854775807"));
    EXPECT_TRUE(journal_.read(kNow).empty());
    ASSERT_TRUE(journal_.put(entry(6667), kNow));
    EXPECT_EQ(journal_.read(kNow).size(), 1U);
    EXPECT_TRUE(std::filesystem::exists(file() + ".broken"));
}

/// This process, as another one of the same program would see it.
net::Process another() {
    auto out = net::this_process();
    ++out.started;
    return out;
}

TEST_F(JournalTest, ALiveProcessKeepsItsPortWhateverTheStrategy) {
    auto kept = entry(6667);
    kept.owner = net::this_process();
    ASSERT_TRUE(journal_.put(kept, kNow));
    auto wanted = kept.mapping;
    for (const auto strategy : {Strategy::Pcp, Strategy::Igd, Strategy::NatPmp}) {
        wanted.strategy = strategy;
        const auto claim = journal_.claim(wanted, "", another(), kNow);
        EXPECT_EQ(claim.ownership, Ownership::Foreign) << to_string(strategy);
        EXPECT_EQ(claim.entry.owner, net::this_process());
    }
    EXPECT_EQ(journal_.claim(kept.mapping, "", net::this_process(), kNow).ownership,
              Ownership::Inherited);
}

TEST_F(JournalTest, ADeadOwnersMappingGoesToOneOfTwoThatClaimIt) {
    ASSERT_TRUE(journal_.put(entry(6667), kNow)); // of a boot that is over
    const auto wanted = entry(6667).mapping;
    const auto first = journal_.claim(wanted, "", net::this_process(), kNow);
    EXPECT_EQ(first.ownership, Ownership::Inherited);
    EXPECT_EQ(first.entry.owner, kSomebody); // it was
    EXPECT_EQ(first.entry.mapping.nonce, wanted.nonce);
    const auto second = journal_.claim(wanted, "", another(), kNow);
    EXPECT_EQ(second.ownership, Ownership::Foreign);
    EXPECT_EQ(second.entry.owner, net::this_process());
}

TEST_F(JournalTest, ANumberThatIsSomebodyElsesByNowIsADeadOwners) {
    auto left = entry(6667);
    left.owner = another(); // our number, but not when we started
    ASSERT_TRUE(journal_.put(left, kNow));
    EXPECT_EQ(journal_.claim(left.mapping, "", net::this_process(), kNow).ownership,
              Ownership::Inherited);
}

TEST_F(JournalTest, AnOwnerOfAnotherPidNamespaceCountsAsAlive) {
    auto kept = entry(6667);
    kept.owner = another();
    ++kept.owner.pid_space;
    ASSERT_TRUE(journal_.put(kept, kNow));
    EXPECT_EQ(journal_.claim(kept.mapping, "", net::this_process(), kNow).ownership,
              Ownership::Foreign);
    EXPECT_TRUE(
        journal_.claim_orphans(kept.mapping.gateway, "", net::this_process(), kNow).empty());
    // Its boot is over: then its namespace is, too.
    kept.owner.boot = "a boot";
    ASSERT_TRUE(journal_.put(kept, kNow));
    EXPECT_EQ(journal_.claim(kept.mapping, "", net::this_process(), kNow).ownership,
              Ownership::Inherited);
}

TEST_F(JournalTest, WhatHasEndedIsNobodys) {
    ASSERT_TRUE(journal_.put(entry(6667, kNow + 10s), kNow));
    const auto wanted = entry(6667).mapping;
    EXPECT_EQ(journal_.claim(wanted, "", net::this_process(), kNow + 10s).ownership,
              Ownership::Unknown);
}

TEST_F(JournalTest, AnotherHousesGatewayOfTheSameAddressIsAnother) {
    auto kept = entry(6667);
    kept.owner = net::this_process();
    kept.hardware = "020000000001";
    ASSERT_TRUE(journal_.put(kept, kNow));
    EXPECT_EQ(journal_.claim(kept.mapping, "020000000002", another(), kNow).ownership,
              Ownership::Unknown);
    EXPECT_EQ(journal_.claim(kept.mapping, "020000000001", another(), kNow).ownership,
              Ownership::Foreign);
}

} // namespace
} // namespace natterjack
