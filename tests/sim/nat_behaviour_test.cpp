// SPDX-License-Identifier: MIT
// RFC 5780's tests against model NATs of all nine kinds and against servers that are at fault.
#include <gtest/gtest.h>

#include "proto/changed_answer.hpp"
#include "proto/mapping_test.hpp"
#include "proto/size_test.hpp"
#include "tests/support/virtual_nat.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using test::VirtualInternet;
using test::VirtualNat;
using test::VirtualStunServer;
using Outcome = ChangedAnswer::Outcome;
using Fault = VirtualStunServer::Fault;
using Mapping = MappingBehaviour;
using Filtering = FilteringBehaviour;

constexpr stun::ChangeRequest kBoth{true, true};
constexpr stun::ChangeRequest kPort{false, true};

StunConversation::MakeId counted_ids() {
    return [next = std::uint8_t{0}]() mutable {
        stun::TransactionId id{};
        id.back() = ++next;
        return id;
    };
}

/// Asks as the diagnosis does: each test on its own port.
class Host {
public:
    explicit Host(VirtualNat::Kind kind, double loss = 0, unsigned seed = 1)
        : internet(sim, kind, loss, seed), port_(static_cast<std::uint16_t>(50000 + seed % 97)) {}

    test::Simulator sim;
    VirtualInternet internet;

    MappingJudgement mapping(const std::vector<Endpoint>& destinations) {
        const auto once = [&] {
            MappingTest machine(destinations, counted_ids());
            const auto port = next_port();
            internet.run(machine, port);
            return judge_mapping(machine.result()->rows, {VirtualInternet::kHost, port});
        };
        const auto first = once();
        return combine(first, once());
    }
    Outcome ask(const VirtualStunServer& server, stun::ChangeRequest change, bool control) {
        ChangedAnswer::Setup setup{.server = server.primary(),
                                   .expected = server.other(),
                                   .change = change,
                                   .control = control};
        if (!change.address) setup.expected.address = server.first;
        ChangedAnswer machine(setup, counted_ids());
        internet.run(machine, next_port());
        return *machine.result();
    }
    FilteringJudgement filtering(const VirtualStunServer& server) {
        AskedAgain asked;
        auto& [first, second, third] = asked;
        for (auto* outcomes : {&first, &second}) {
            outcomes->address = ask(server, kBoth, false);
            outcomes->port = ask(server, kPort, false);
        }
        if (are_divided(first.address, second.address)) third.address = ask(server, kBoth, false);
        if (are_divided(first.port, second.port)) third.port = ask(server, kPort, false);
        for (auto* outcomes : {&first, &second}) {
            if (!judge_filtering(settle(asked)).wants_control) break;
            outcomes->address_control = ask(server, kBoth, true);
            outcomes->port_control = ask(server, kPort, true);
        }
        return judge_filtering(settle(asked));
    }

    std::uint16_t next_port() { return port_ += 3; }

private:
    std::uint16_t port_;
};

std::vector<Endpoint> four_endpoints() {
    const VirtualStunServer server;
    return {server.primary(),
            {server.second, server.port},
            {server.first, server.other_port},
            server.other()};
}

struct Cell {
    Mapping mapping;
    Filtering filtering;
    bool preserving = false;
    int step = 0;

    friend std::ostream& operator<<(std::ostream& out, const Cell& cell) {
        return out << to_string(cell.mapping) << '/' << to_string(cell.filtering);
    }
};

class NatCell : public testing::TestWithParam<Cell> {};

TEST_P(NatCell, IsRecognised) {
    const auto cell = GetParam();
    Host host({cell.mapping, cell.filtering, cell.preserving, cell.step});
    const auto filtering = host.filtering({});
    EXPECT_EQ(filtering.filtering.value, cell.filtering) << filtering.filtering.evidence;
    EXPECT_EQ(filtering.filtering.confidence, Confidence::Proved);
    EXPECT_EQ(filtering.server, ServerReport::Rfc5780::Qualified);
    const auto mapping = host.mapping(four_endpoints());
    EXPECT_EQ(mapping.mapping.value, cell.mapping) << mapping.mapping.evidence;
    EXPECT_EQ(mapping.mapping.confidence, Confidence::Proved);
}

// Unknown is allowed, wrong is not.
TEST_P(NatCell, IsNeverTakenForAnotherWhenPacketsAreLost) {
    const auto cell = GetParam();
    constexpr int kRuns = 200;
    for (const auto& [loss, least_known] : {std::pair(0.02, 0.95), std::pair(0.1, 0.5)}) {
        int known = 0;
        for (unsigned seed = 1; seed <= kRuns; ++seed) {
            Host host({cell.mapping, cell.filtering, cell.preserving, cell.step}, loss, seed);
            const auto filtering = host.filtering({}).filtering.value;
            const auto mapping = host.mapping(four_endpoints()).mapping.value;
            EXPECT_TRUE(filtering == cell.filtering || filtering == Filtering::Unknown) << seed;
            EXPECT_TRUE(mapping == cell.mapping || mapping == Mapping::Unknown) << seed;
            known += filtering == cell.filtering && mapping == cell.mapping ? 1 : 0;
        }
        EXPECT_GE(known, kRuns * least_known) << loss;
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, NatCell,
    testing::Values(Cell{Mapping::None, Filtering::EndpointIndependent},
                    Cell{Mapping::None, Filtering::AddressAndPortDependent}, // a firewall
                    Cell{Mapping::EndpointIndependent, Filtering::EndpointIndependent, true},
                    Cell{Mapping::EndpointIndependent, Filtering::AddressDependent, true},
                    Cell{Mapping::EndpointIndependent, Filtering::AddressAndPortDependent, true},
                    Cell{Mapping::EndpointIndependent, Filtering::AddressAndPortDependent},
                    Cell{Mapping::AddressDependent, Filtering::EndpointIndependent},
                    Cell{Mapping::AddressDependent, Filtering::AddressDependent},
                    Cell{Mapping::AddressDependent, Filtering::AddressAndPortDependent},
                    Cell{Mapping::AddressAndPortDependent, Filtering::EndpointIndependent},
                    Cell{Mapping::AddressAndPortDependent, Filtering::AddressDependent},
                    Cell{Mapping::AddressAndPortDependent, Filtering::AddressAndPortDependent},
                    Cell{Mapping::AddressAndPortDependent, Filtering::AddressAndPortDependent,
                         false, 1}));

struct Lie {
    const char* name;
    Fault fault;
    ServerReport::Rfc5780 quality;

    friend std::ostream& operator<<(std::ostream& out, const Lie& lie) { return out << lie.name; }
};

class LyingServer : public testing::TestWithParam<Lie> {};

TEST_P(LyingServer, IsNotBelieved) {
    for (const auto filtering : {Filtering::EndpointIndependent, Filtering::AddressDependent,
                                 Filtering::AddressAndPortDependent}) {
        Host host({Mapping::EndpointIndependent, filtering, true});
        host.internet.servers = {{.fault = GetParam().fault}};
        const auto said = host.filtering(host.internet.servers.front());
        EXPECT_TRUE(said.filtering.value == filtering || said.filtering.value == Filtering::Unknown)
            << to_string(filtering) << " taken for " << to_string(said.filtering.value);
        if (filtering == Filtering::AddressAndPortDependent) {
            EXPECT_EQ(said.filtering.value, Filtering::Unknown);
            EXPECT_EQ(said.server, GetParam().quality) << to_string(said.server);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Table, LyingServer,
    testing::Values(Lie{"Plain", Fault::Plain, ServerReport::Rfc5780::Refuses},
                    Lie{"IgnoresChange", Fault::IgnoresChange, ServerReport::Rfc5780::Ignores},
                    // the second answer does not get in
                    Lie{"AnswersTwice", Fault::AnswersTwice, ServerReport::Rfc5780::Ignores},
                    Lie{"OtherIsDead", Fault::OtherIsDead, ServerReport::Rfc5780::Claims},
                    Lie{"OtherPortIsDead", Fault::OtherPortIsDead, ServerReport::Rfc5780::Claims}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(LyingServerTest, AnsweringTwiceIsSeenWhereBothGetIn) {
    Host host({Mapping::EndpointIndependent, Filtering::EndpointIndependent, true});
    host.internet.servers = {{.fault = Fault::AnswersTwice}};
    const auto said = host.filtering(host.internet.servers.front());
    EXPECT_EQ(said.filtering.value, Filtering::Unknown);
    EXPECT_EQ(said.server, ServerReport::Rfc5780::AnswersTwice);
}

// coturn names its second address to everybody, also to those who ask it there. Believing that, an
// address-dependent filter looks like none.
TEST(LyingServerTest, ASecondListenerIsNotCredible) {
    Host host({Mapping::EndpointIndependent, Filtering::AddressDependent, true});
    VirtualStunServer server{.fault = Fault::SecondListener};
    host.internet.servers = {server};
    const Endpoint asked{server.second, server.port};
    MappingTest survey({asked}, counted_ids());
    host.internet.run(survey, 50000);
    const auto other = stun::other_address(survey.result()->answers.front().message);
    ASSERT_TRUE(other);
    EXPECT_FALSE(is_credible_other(asked, *other));
    ChangedAnswer fooled({.server = asked, .expected = *other, .change = kBoth}, counted_ids());
    host.internet.run(fooled, 50003);
    EXPECT_EQ(fooled.result(), Outcome::Arrived); // why it must not be asked
}

TEST(OtherAddress, MustReallyBeAnother) {
    const Endpoint server{IpAddress::v4(0x19000101), 3478};
    EXPECT_TRUE(is_credible_other(server, {IpAddress::v4(0x19000201), 3479}));
    EXPECT_FALSE(is_credible_other(server, {server.address, 3479})); // coturn's second listener
    EXPECT_FALSE(is_credible_other(server, {IpAddress::v4(0x19000201), 3478}));
    EXPECT_FALSE(is_credible_other(server, {IpAddress::v4(0xC0A80101), 3479}));
    EXPECT_FALSE(is_credible_other(server, {IpAddress::v4(0), 3479}));
    EXPECT_FALSE(is_credible_other(server, {IpAddress::v4(0x19000201), 0}));
    EXPECT_FALSE(is_credible_other(server, {*IpAddress::parse("2001:db8::1"), 3479}));
}

TEST(ChangedAnswerTest, GivesUpOnADeadServer) {
    Host host({});
    host.internet.servers = {{.fault = Fault::Dead}};
    const auto started = host.sim.now();
    EXPECT_EQ(host.ask(host.internet.servers.front(), kBoth, false), Outcome::NoContact);
    EXPECT_EQ(host.sim.now() - started, 1250ms);
}

// Another program had the port a moment ago and spoke to the server's other address.
TEST(ChangedAnswerTest, APortWithAPastFoolsOneSocketAndNotTwo) {
    Host host({Mapping::EndpointIndependent, Filtering::AddressDependent, true});
    const VirtualStunServer server;
    const ChangedAnswer::Setup setup{
        .server = server.primary(), .expected = server.other(), .change = kBoth};
    MappingTest past(four_endpoints(), counted_ids());
    host.internet.run(past, 50000);
    ChangedAnswer tainted(setup, counted_ids());
    host.internet.run(tainted, 50000);
    ChangedAnswer fresh(setup, counted_ids());
    host.internet.run(fresh, 50001);
    EXPECT_EQ(tainted.result(), Outcome::Arrived);
    EXPECT_TRUE(are_divided(tainted.result(), fresh.result()));
    ChangedAnswer third(setup, counted_ids());
    host.internet.run(third, 50002);
    EXPECT_EQ(settle({{{.address = tainted.result()},
                       {.address = fresh.result()},
                       {.address = third.result()}}})
                  .address,
              Outcome::Silent);
}

// All answers to one socket were lost: that is no filter.
TEST(ChangedAnswerTest, ASilenceOfOneSocketIsSettledByAThird) {
    Host host({Mapping::EndpointIndependent, Filtering::EndpointIndependent, true});
    host.internet.lose_from(VirtualStunServer().other(), 5);
    const auto first = host.ask({}, kBoth, false);
    const auto second = host.ask({}, kBoth, false);
    EXPECT_EQ(first, Outcome::Silent);
    EXPECT_EQ(second, Outcome::Arrived);
    EXPECT_TRUE(are_divided(first, second));
    const auto third = host.ask({}, kBoth, false);
    EXPECT_EQ(settle({{{.address = first}, {.address = second}, {.address = third}}}).address,
              Outcome::Arrived);
}

TEST(ChangedAnswerTest, TwoSocketsSayMoreThanOne) {
    const auto address_of = [](std::optional<Outcome> first, std::optional<Outcome> second) {
        return settle({{{.address = first}, {.address = second}, {}}}).address;
    };
    EXPECT_EQ(address_of(Outcome::Arrived, Outcome::Arrived), Outcome::Arrived);
    EXPECT_EQ(address_of(Outcome::NoContact, Outcome::Silent), Outcome::Silent);
    EXPECT_EQ(address_of(Outcome::Silent, std::nullopt), Outcome::Silent);
    EXPECT_EQ(address_of(Outcome::Arrived, Outcome::Refused), Outcome::Refused);
    EXPECT_EQ(address_of(Outcome::Arrived, Outcome::Silent), std::nullopt); // until a third is
    EXPECT_FALSE(are_divided(Outcome::Arrived, Outcome::NoContact));
}

// A router that gives one port to two sockets lets one of them through to the server.
TEST(ChangedAnswerTest, AControlNeedsOneSocketThatHears) {
    const auto control_of = [](std::optional<Outcome> first, std::optional<Outcome> second) {
        return settle({{{.address_control = first}, {.address_control = second}, {}}})
            .address_control;
    };
    EXPECT_EQ(control_of(Outcome::Silent, Outcome::Arrived), Outcome::Arrived);
    EXPECT_EQ(control_of(Outcome::Arrived, Outcome::NoContact), Outcome::Arrived);
    EXPECT_EQ(control_of(Outcome::Silent, Outcome::Silent), Outcome::Silent);
    EXPECT_EQ(control_of(Outcome::Arrived, Outcome::Twice), Outcome::Twice);
    EXPECT_EQ(control_of(Outcome::NotChanged, Outcome::Arrived), Outcome::NotChanged);
    EXPECT_EQ(control_of(std::nullopt, std::nullopt), std::nullopt);
}

// Whoever asks for the changed answer from a socket that has spoken to the other address is told
// that the NAT lets everybody in.
TEST(ChangedAnswerTest, NeedsASocketThatHasSentNothing) {
    Host host({Mapping::EndpointIndependent, Filtering::AddressAndPortDependent, true});
    MappingTest mapping(four_endpoints(), counted_ids());
    host.internet.run(mapping, 50000);
    const VirtualStunServer server;
    ChangedAnswer fooled({.server = server.primary(), .expected = server.other(), .change = kBoth},
                         counted_ids());
    host.internet.run(fooled, 50000);
    EXPECT_EQ(fooled.result(), Outcome::Arrived);
    EXPECT_EQ(host.ask(server, kBoth, false), Outcome::Silent);
}

TEST(ChangedAnswerTest, IgnoresStrangersAndLateAnswers) {
    const TimePoint start{1h};
    const VirtualStunServer server;
    ChangedAnswer machine({.server = server.primary(), .expected = server.other(), .change = kBoth},
                          counted_ids());
    machine.start(start);
    const auto plain = machine.poll_transmit();
    ASSERT_TRUE(plain);
    stun::Message forged{.kind = stun::Class::Success};
    forged.transaction.back() = 99; // nobody's
    machine.handle_datagram(server.other(), stun::encode(forged), start);
    machine.handle_datagram(server.primary(), std::vector<std::uint8_t>{1, 2, 3}, start);
    EXPECT_FALSE(machine.poll_transmit());
    EXPECT_FALSE(machine.result());
    // An answer to the plain question from elsewhere is no contact with the server.
    const auto request = stun::decode(plain->payload);
    stun::Message answer{.kind = stun::Class::Success, .transaction = request->transaction};
    answer.add(stun::AttributeType::XorMappedAddress,
               stun::xor_address({VirtualNat::kExternal, 50000}, request->transaction));
    machine.handle_datagram(server.other(), stun::encode(answer), start);
    EXPECT_EQ(machine.result(), Outcome::NoContact);
    machine.handle_datagram(server.primary(), stun::encode(answer), start);
    EXPECT_EQ(machine.result(), Outcome::NoContact);
}

/// Servers of other operators, each with one address and port.
std::vector<VirtualStunServer> plain_servers(std::size_t count) {
    std::vector<VirtualStunServer> out;
    for (std::size_t i = 0; i < count; ++i) {
        const auto address = IpAddress::v4(0x19001001U + static_cast<std::uint32_t>(i) * 256);
        out.push_back({.first = address, .second = address, .fault = Fault::Plain});
    }
    return out;
}

std::vector<Endpoint> primaries(const std::vector<VirtualStunServer>& servers) {
    std::vector<Endpoint> out;
    for (const auto& server : servers) out.push_back(server.primary());
    return out;
}

TEST(PlainServers, ProveIndependenceByThreeAddresses) {
    Host host({Mapping::EndpointIndependent, Filtering::EndpointIndependent});
    host.internet.servers = plain_servers(3);
    const auto said = host.mapping(primaries(host.internet.servers));
    EXPECT_EQ(said.mapping.value, Mapping::EndpointIndependent);
    EXPECT_EQ(said.mapping.confidence, Confidence::Proved);
}

TEST(PlainServers, CannotTellAddressFromPort) {
    for (const auto mapping : {Mapping::AddressDependent, Mapping::AddressAndPortDependent}) {
        Host host({mapping, Filtering::AddressAndPortDependent});
        host.internet.servers = plain_servers(3);
        const auto said = host.mapping(primaries(host.internet.servers));
        EXPECT_EQ(said.mapping.value, Mapping::Unknown);
        EXPECT_TRUE(said.depends);
    }
}

TEST(PlainServers, OneAloneProvesNothing) {
    Host host({Mapping::EndpointIndependent, Filtering::EndpointIndependent});
    host.internet.servers = plain_servers(1);
    const auto said = host.mapping(primaries(host.internet.servers));
    EXPECT_EQ(said.mapping.value, Mapping::Unknown);
    EXPECT_FALSE(said.depends);
}

TEST(PlainServers, OneOfThemMayBeDead) {
    Host host({Mapping::EndpointIndependent, Filtering::EndpointIndependent});
    host.internet.servers = plain_servers(4);
    host.internet.servers[1].fault = Fault::Dead;
    EXPECT_EQ(host.mapping(primaries(host.internet.servers)).mapping.value,
              Mapping::EndpointIndependent);
}

TEST(PlainServers, OneThatTellsAWrongAddressIsFoundOut) {
    Host host({Mapping::EndpointIndependent, Filtering::EndpointIndependent});
    host.internet.servers = plain_servers(4);
    host.internet.servers[2].fault = Fault::WrongAddress;
    const auto said = host.mapping(primaries(host.internet.servers));
    EXPECT_EQ(said.mapping.value, Mapping::EndpointIndependent);
    EXPECT_EQ(said.mapping.confidence, Confidence::Likely);
    EXPECT_EQ(said.outlier, host.internet.servers[2].primary());
}

// RFC 4787 section 4.1: some NATs give way when another host has the port towards one destination.
TEST(PortCollision, IsNotTakenForDependence) {
    for (std::uint16_t taken = 50004; taken <= 50007; taken += 3) {
        Host host({Mapping::EndpointIndependent, Filtering::AddressAndPortDependent, true});
        host.internet.nat.take(taken, four_endpoints()[3]);
        const auto said = host.mapping(four_endpoints());
        EXPECT_NE(said.mapping.value, Mapping::AddressDependent);
        EXPECT_NE(said.mapping.value, Mapping::AddressAndPortDependent);
    }
}

TEST(SizeTestMachine, TellsWhichSizesCameThrough) {
    Host host({Mapping::EndpointIndependent, Filtering::EndpointIndependent, true});
    host.internet.largest = 1372;
    const auto server = VirtualStunServer{}.primary();
    const auto started = host.sim.now();
    SizeTest machine({{.to = server, .size = 1472}, {.to = server, .size = 1372}, {.to = server}},
                     counted_ids());
    host.internet.run(machine, 50000);
    ASSERT_TRUE(machine.result());
    EXPECT_EQ(machine.result()->at(0), 0U);
    EXPECT_GT(machine.result()->at(1), 0U);
    EXPECT_GT(machine.result()->at(2), 0U);
    EXPECT_EQ(host.sim.now() - started, 1250ms);
}

TEST(StunQuestion, HasTheSizeThatWasAskedFor) {
    StunConversation conversation(counted_ids());
    for (const std::size_t size : {24U, 28U, 1472U, 2000U}) {
        conversation.ask({.size = size}, TimePoint{1h}, 1s);
        EXPECT_EQ(conversation.poll_transmit()->payload.size(), size);
    }
}

MappingTest::Row row(const char* server, const char* mapped, bool again = false) {
    return {.server = *Endpoint::parse(server),
            .mapped = *Endpoint::parse(mapped),
            .round_trip = {},
            .again = again};
}

const Endpoint kLocal{VirtualInternet::kHost, 50000};

TEST(MappingJudgement, CallsAChangeOfTheFirstUnstable) {
    const auto said =
        judge_mapping({row("25.0.1.1:3478", "25.0.113.2:1"), row("25.0.2.1:3478", "25.0.113.2:2"),
                       row("25.0.1.1:3478", "25.0.113.2:3", true)},
                      kLocal);
    EXPECT_EQ(said.mapping.value, Mapping::Unknown);
    EXPECT_FALSE(said.depends);
}

TEST(MappingJudgement, TellsAPoolOfAddressesFromDependence) {
    const auto said = judge_mapping({row("25.0.1.1:3478", "25.0.113.2:5000"),
                                     row("25.0.2.1:3478", "25.0.113.3:5000"),
                                     row("25.0.3.1:3478", "25.0.113.4:5000")},
                                    kLocal);
    EXPECT_EQ(said.mapping.value, Mapping::Unknown);
    EXPECT_EQ(said.pooling.value, Pooling::Arbitrary);
}

TEST(MappingJudgement, SaysNothingWithoutRows) {
    EXPECT_EQ(judge_mapping({}, kLocal).mapping.confidence, Confidence::Inconclusive);
}

} // namespace
} // namespace natterjack
