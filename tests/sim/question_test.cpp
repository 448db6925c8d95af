// SPDX-License-Identifier: MIT
/// \file
/// \brief Listing and deleting where two links lead to gateways of the same address.
#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/support/loop_runner.hpp"
#include "tests/support/scripted_mapper.hpp"
#include "traversal/question.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using test::fire;
using test::ScriptedHouse;

constexpr IpAddress kOther = IpAddress::v4(0xC0A8014D); // ours, on the second link
constexpr IpAddress kOutside = IpAddress::v4(0x19007107);
constexpr std::uint16_t kPort = 6667;
const Error kSilent{Errc::Timeout, "nobody answered"};

/// This host at 192.168.1.2 on one link and at 192.168.1.77 on another; 192.168.1.1 is on both.
class QuestionTest : public testing::Test {
protected:
    QuestionTest() {
        auto network = first_.network;
        network.interfaces.push_back({.index = 3,
                                      .name = "lan1",
                                      .up = true,
                                      .multicast = true,
                                      .addresses = {{.address = kOther, .prefix_length = 24}}});
        network.default_routes.push_back(
            {.gateway = ScriptedHouse::kGateway, .interface = 3, .source = kOther});
        context_.parts.read_network = [network]() -> Result<net::Network> { return network; };
        context_.parts.make_mapper = [this](Strategy strategy, const Loop& loop, const Path& path) {
            auto& house = path.interface == 3 ? second_ : first_;
            return house.parts().make_mapper(strategy, loop, path);
        };
    }
    ~QuestionTest() override {
        question_.reset();
        runner_.run_pending();
    }

    [[nodiscard]] static std::string make_directory() {
        std::string pattern = testing::TempDir() + "question-XXXXXX";
        return mkdtemp(pattern.data());
    }

    /// The journal knows it as ours, on the first link.
    Mapping open(Strategy strategy) {
        Mapping mapping{.strategy = strategy,
                        .transport = Transport::Tcp,
                        .internal = {ScriptedHouse::kHost, kPort},
                        .external = {kOutside, kPort},
                        .lifetime = Lifetime(600),
                        .gateway = ScriptedHouse::kGateway};
        const auto now = std::chrono::system_clock::now();
        EXPECT_TRUE(context_.parts.journal.put({.mapping = mapping, .ends = now + 600s}, now));
        return mapping;
    }
    [[nodiscard]] std::size_t journalled() const {
        return context_.parts.journal.read(std::chrono::system_clock::now()).size();
    }
    static ListedMapping entry(const IpAddress& host) {
        return {.transport = Transport::Tcp,
                .internal = {host, kPort},
                .external = {{}, kPort},
                .strategy = Strategy::Igd};
    }

    void list() {
        question_ = list_mappings(context_, 1s, [this](auto answer) { answer_.emplace(answer); });
        runner_.run_pending();
    }
    void remove() {
        question_ = remove_mapping(context_, kPort, Transport::Tcp, 1s,
                                   [this](auto answer) { answer_.emplace(answer); });
        runner_.run_pending();
    }
    [[nodiscard]] const std::vector<ListedMapping>& answered() {
        runner_.run_pending();
        EXPECT_TRUE(answer_ && *answer_);
        return (*answer_)->mappings;
    }

    test::LoopRunner runner_;
    ScriptedHouse first_;
    ScriptedHouse second_;
    QuestionContext context_{.loop = runner_.loop(),
                             .choice = {},
                             .strategies = {Strategy::Igd, Strategy::Pcp},
                             .parts = first_.parts(make_directory()),
                             .families = Families::Ipv4};
    std::unique_ptr<PendingQuestion> question_;
    std::optional<Result<Mappings::Listing, OpenFailure>> answer_;
};

TEST_F(QuestionTest, ListsEachGatewaysEntriesWithItsOwnAddressIfItTellsOne) {
    context_.strategies = {Strategy::Igd};
    open(Strategy::Igd);
    list();
    fire(first_.at(Strategy::Igd).list, std::vector{entry(ScriptedHouse::kHost)});
    fire(second_.at(Strategy::Igd).list, std::vector{entry(kOther)});
    fire(second_.at(Strategy::Igd).external, Error{Errc::NotFound, "its line is down"});
    fire(first_.at(Strategy::Igd).external, kOutside);
    const auto& mappings = answered();
    ASSERT_EQ(mappings.size(), 2U);
    EXPECT_EQ(mappings[0].internal.address, kOther);
    EXPECT_TRUE(mappings[0].external.address.is_unspecified());
    EXPECT_FALSE(mappings[0].ours);
    EXPECT_EQ(mappings[1].external, (Endpoint{kOutside, kPort}));
    EXPECT_TRUE(mappings[1].ours);
}

TEST_F(QuestionTest, WhatAnotherGatewayDoesNotListMayStillBeThere) {
    context_.strategies = {Strategy::Igd};
    open(Strategy::Igd);
    list();
    fire(first_.at(Strategy::Igd).list, kSilent);
    fire(second_.at(Strategy::Igd).list, std::vector<ListedMapping>{});
    fire(second_.at(Strategy::Igd).external, kOutside);
    ASSERT_EQ(answered().size(), 1U);
    EXPECT_TRUE(answered()[0].ours);
}

TEST_F(QuestionTest, WhatItsOwnGatewayDoesNotListIsGone) {
    context_.strategies = {Strategy::Igd};
    open(Strategy::Igd);
    list();
    fire(second_.at(Strategy::Igd).list, kSilent);
    fire(first_.at(Strategy::Igd).list, std::vector<ListedMapping>{});
    fire(first_.at(Strategy::Igd).external, kOutside);
    EXPECT_TRUE(answered().empty());
}

TEST_F(QuestionTest, KnowsOurEntryInATableOfNames) {
    context_.strategies = {Strategy::Igd};
    auto mapping = open(Strategy::Igd);
    mapping.host_name = "laptop.lan";
    const auto now = std::chrono::system_clock::now();
    ASSERT_TRUE(context_.parts.journal.put({.mapping = mapping, .ends = now + 600s}, now));
    list();
    fire(second_.at(Strategy::Igd).list, kSilent);
    fire(first_.at(Strategy::Igd).list, std::vector{entry({})});
    fire(first_.at(Strategy::Igd).external, kOutside);
    ASSERT_EQ(answered().size(), 1U);
    EXPECT_TRUE(answered()[0].ours);
}

TEST_F(QuestionTest, DeletesOnTheLinkWhereItWasOpened) {
    open(Strategy::Pcp);
    remove();
    EXPECT_EQ(second_.at(Strategy::Pcp).unmaps, 0); // it would say yes, and the journal forget
    EXPECT_EQ(second_.at(Strategy::Igd).unmaps, 0);
    fire(first_.at(Strategy::Pcp).unmap, Result<void>());
    EXPECT_EQ(answered().size(), 1U);
    EXPECT_EQ(journalled(), 0U);
}

TEST_F(QuestionTest, TheJournalKeepsWhatItsGatewayDidNotAnswerFor) {
    open(Strategy::Igd);
    remove();
    fire(first_.at(Strategy::Igd).unmap, kSilent);
    runner_.run_pending();
    ASSERT_TRUE(answer_ && !*answer_);
    EXPECT_EQ(answer_->error().error.code, Errc::Timeout);
    EXPECT_EQ(journalled(), 1U);
}

} // namespace
} // namespace natterjack
