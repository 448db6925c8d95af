// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "proto/stun_binding.hpp"
#include "tests/support/simulator.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;

const Endpoint kServer{IpAddress::v4(0x19000001), stun::kServerPort};
const Endpoint kMapped{IpAddress::v4(0x19007107), 40000};
constexpr stun::TransactionId kTransaction = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

std::vector<std::uint8_t> success(const stun::TransactionId& transaction = kTransaction) {
    stun::Message message{.kind = stun::Class::Success, .transaction = transaction};
    message.add(stun::AttributeType::XorMappedAddress, stun::xor_address(kMapped, transaction));
    return stun::encode(message);
}

std::optional<Datagram> answer(const Datagram& request) {
    const auto asked = stun::decode(request.payload);
    if (!asked || asked->kind != stun::Class::Request) return std::nullopt;
    return Datagram{{}, success(asked->transaction)};
}

TEST(StunBinding, LearnsTheMappedAddressInOneRoundTrip) {
    test::Simulator sim;
    const auto started = sim.now();
    StunBinding binding(kServer, kTransaction, started + 5s);
    test::run_exchange(sim, binding, 20ms, answer);
    ASSERT_TRUE(binding.result() && *binding.result());
    EXPECT_EQ(**binding.result(), kMapped);
    EXPECT_EQ(sim.now() - started, 40ms);
    EXPECT_FALSE(binding.deadline());
}

TEST(StunBinding, SurvivesTwoLostRequests) {
    test::Simulator sim;
    const auto started = sim.now();
    int seen = 0;
    StunBinding binding(kServer, kTransaction, started + 5s);
    test::run_exchange(sim, binding, 20ms, [&](const Datagram& request) -> std::optional<Datagram> {
        return ++seen <= 2 ? std::nullopt : answer(request);
    });
    ASSERT_TRUE(binding.result() && *binding.result());
    EXPECT_EQ(sim.now() - started, 300ms + 40ms);
}

TEST(StunBinding, GivesUpAtTheVeryInstant) {
    test::Simulator sim;
    const auto started = sim.now();
    StunBinding binding(kServer, kTransaction, started + 1s);
    int seen = 0;
    test::run_exchange(sim, binding, 20ms, [&](const Datagram&) -> std::optional<Datagram> {
        ++seen;
        return std::nullopt;
    });
    ASSERT_TRUE(binding.result() && !*binding.result());
    EXPECT_EQ(binding.result()->error().code, Errc::Timeout);
    EXPECT_EQ(sim.now() - started, 1s);
    EXPECT_EQ(seen, 4); // 0, 100, 300, 700 ms
}

TEST(StunBinding, IgnoresStrangersAndNoise) {
    const TimePoint start{1h};
    StunBinding binding(kServer, kTransaction, start + 5s);
    binding.start(start);
    binding.handle_datagram({IpAddress::v4(0x19000002), stun::kServerPort}, success());
    binding.handle_datagram({kServer.address, 3479}, success());
    binding.handle_datagram(kServer, success({9}));
    binding.handle_datagram(kServer, std::vector<std::uint8_t>{1, 2, 3});
    binding.handle_datagram(kServer, stun::encode({.kind = stun::Class::Success,
                                                   .transaction = kTransaction})); // no address
    binding.handle_datagram(kServer,
                            stun::encode({.transaction = kTransaction})); // our own request
    EXPECT_FALSE(binding.result());
    binding.handle_datagram(kServer, success());
    ASSERT_TRUE(binding.result());
    binding.handle_datagram(kServer, success()); // a late duplicate changes nothing
    EXPECT_EQ(**binding.result(), kMapped);
}

TEST(StunBinding, ReportsARefusal) {
    const TimePoint start{1h};
    StunBinding binding(kServer, kTransaction, start + 5s);
    binding.start(start);
    stun::Message refusal{.kind = stun::Class::Error, .transaction = kTransaction};
    refusal.add(stun::AttributeType::ErrorCode, {0, 0, 5, 0, 'b', 'u', 's', 'y'});
    binding.handle_datagram(kServer, stun::encode(refusal));
    ASSERT_TRUE(binding.result() && !*binding.result());
    EXPECT_EQ(binding.result()->error().code, Errc::Refused);
    EXPECT_EQ(binding.result()->error().detail, 500);
}

} // namespace
} // namespace natterjack
