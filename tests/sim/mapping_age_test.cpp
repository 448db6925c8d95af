// SPDX-License-Identifier: MIT
// Machines that speak from two sockets, behind a model NAT that forgets.
#include <array>
#include <map>

#include <gtest/gtest.h>

#include "proto/hairpin_test.hpp"
#include "proto/mapping_age.hpp"
#include "tests/support/simulator.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using Outcome = MappingAge::Outcome;

const Endpoint kServer{IpAddress::v4(0x19000101), 3478};
constexpr IpAddress kExternal = IpAddress::v4(0x19007102);
constexpr IpAddress kHost = IpAddress::v4(0xC0A8010A);
constexpr Duration kOneWay{20};

enum class Serves : std::uint8_t { Well, Nobody, IgnoresResponsePort, Refuses };
enum class Loops : std::uint8_t { No, External, Internal };

/// Two sockets behind one NAT, which keeps ports 5000 and 5001 and loses one packet in \a every.
class Model {
public:
    test::Simulator sim;
    Duration lifetime{1000h};
    Serves server = Serves::Well;
    Loops hairpin = Loops::No;
    int every = 0;

    template<class Machine>
    void run(Machine& machine) {
        std::function<void()> pump = [&] {
            while (const auto sent = machine.poll_transmit()) send(*sent, machine, pump);
            if (const auto deadline = machine.deadline()) {
                sim.at(*deadline, [&] {
                    machine.handle_timeout(sim.now());
                    pump();
                });
            }
        };
        machine.start(sim.now());
        pump();
        sim.run_until([&] { return machine.result().has_value(); });
        sim.clear();
    }

private:
    template<class Machine>
    void deliver(int lane, const Endpoint& from, const std::vector<std::uint8_t>& bytes,
                 Machine& machine, std::function<void()>& pump) {
        sim.after(kOneWay, [this, lane, from, bytes, &machine, &pump] {
            const auto known = used_.find(lane);
            if (known == used_.end() || sim.now() - known->second >= lifetime) return;
            machine.handle_datagram(lane, from, bytes, sim.now());
            pump();
        });
    }
    template<class Machine>
    void send(const LaneDatagram& sent, Machine& machine, std::function<void()>& pump) {
        used_[sent.lane] = sim.now();
        if (every != 0 && ++count_ % every == 0) return;
        const auto port = static_cast<std::uint16_t>(5000 + sent.lane);
        if (sent.datagram.to.address == kExternal) {
            if (hairpin == Loops::No) return;
            const auto source = hairpin == Loops::External ? kExternal : kHost;
            deliver(sent.datagram.to.port - 5000, {source, port}, sent.datagram.payload, machine,
                    pump);
            return;
        }
        const auto request = stun::decode(sent.datagram.payload);
        const auto wanted = stun::response_port(*request);
        if (server == Serves::Nobody) return;
        stun::Message answer{.kind = stun::Class::Success, .transaction = request->transaction};
        answer.add(stun::AttributeType::XorMappedAddress,
                   stun::xor_address({kExternal, port}, request->transaction));
        int to = sent.lane;
        if (wanted && server == Serves::Refuses) {
            answer = {.kind = stun::Class::Error, .transaction = request->transaction};
            answer.add(stun::AttributeType::ErrorCode, stun::error_code_value({420, "Unknown"}));
        } else if (wanted && server == Serves::Well) {
            to = *wanted - 5000;
        }
        sim.after(kOneWay, [this, to, bytes = stun::encode(answer), &machine, &pump] {
            deliver(to, kServer, bytes, machine, pump);
        });
    }

    std::map<int, TimePoint> used_;
    int count_ = 0;
};

StunConversation::MakeId counted_ids() {
    return [next = std::make_shared<std::uint8_t>(0)] {
        stun::TransactionId id{};
        id.back() = ++*next;
        return id;
    };
}

Outcome age(Model& model, Duration silence, int exchanges = 1) {
    MappingAge machine({.server = kServer, .silence = silence, .exchanges = exchanges},
                       counted_ids());
    model.run(machine);
    return *machine.result();
}

TEST(MappingAge, IsAliveBeforeTheTimerAndGoneAfterIt) {
    for (const int every : {0, 3}) { // with and without loss
        Model model;
        model.every = every;
        model.lifetime = 30s;
        EXPECT_EQ(age(model, 29s), Outcome::Alive);
        EXPECT_EQ(age(model, 31s), Outcome::Gone);
        EXPECT_EQ(age(model, 0s), Outcome::Alive);
    }
}

TEST(MappingAge, FallsSilentOnlyAfterAllExchanges) {
    Model model;
    model.lifetime = 30s;
    const auto started = model.sim.now();
    EXPECT_EQ(age(model, 10s, 4), Outcome::Alive);
    EXPECT_GE(model.sim.now() - started, 13s);
    EXPECT_LT(model.sim.now() - started, 14s);
}

TEST(MappingAge, TellsServersThatCannotBeAsked) {
    for (const auto& [server, outcome] : {std::pair{Serves::Nobody, Outcome::NoContact},
                                          std::pair{Serves::IgnoresResponsePort, Outcome::Ignored},
                                          std::pair{Serves::Refuses, Outcome::Refused}}) {
        Model model;
        model.server = server;
        EXPECT_EQ(age(model, 1s), outcome);
    }
}

Hairpin hairpin(Loops loops, int every = 0) {
    Model model;
    model.hairpin = loops;
    model.every = every;
    HairpinTest machine(kServer, counted_ids());
    model.run(machine);
    return *machine.result();
}

TEST(HairpinTest, TellsWhoseSourceComesBack) {
    for (const int every : {0, 3}) {
        EXPECT_EQ(hairpin(Loops::External, every), Hairpin::ExternalSource);
        EXPECT_EQ(hairpin(Loops::Internal, every), Hairpin::InternalSource);
        EXPECT_EQ(hairpin(Loops::No, every), Hairpin::No);
    }
}

TEST(HairpinTest, IsUnknownWithoutAServer) {
    Model model;
    model.server = Serves::Nobody;
    HairpinTest machine(kServer, counted_ids());
    model.run(machine);
    EXPECT_EQ(machine.result(), Hairpin::Unknown);
}

} // namespace
} // namespace natterjack
