// SPDX-License-Identifier: MIT
/// \file
/// \brief A model NAT, described by mapping and filtering, and model STUN servers behind it, for
/// machines in a Simulator. No sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include <natterjack/probe_report.hpp>

#include "base/datagram.hpp"
#include "tests/support/simulator.hpp"
#include "wire/stun.hpp"

namespace natterjack::test {

/// One router between a host and the internet.
class VirtualNat {
public:
    struct Kind {
        MappingBehaviour mapping = MappingBehaviour::EndpointIndependent;
        FilteringBehaviour filtering = FilteringBehaviour::AddressAndPortDependent;
        bool preserving = false;
        int step = 0; ///< Sequential ports with that step; 0: random ones.
    };
    explicit VirtualNat(Kind kind, unsigned seed = 1) : kind_(kind), random_(seed) {}

    static constexpr IpAddress kExternal = IpAddress::v4(0x19007102); // 25.0.113.2

    /// Another host's flow has the port \a port towards \a remote.
    void take(std::uint16_t port, const Endpoint& remote) { taken_.insert({port, remote}); }

    /// What the outside sees of a datagram from \a local to \a remote.
    Endpoint send(const Endpoint& local, const Endpoint& remote) {
        if (kind_.mapping == MappingBehaviour::None) {
            contacted_[local].insert(remote);
            return local;
        }
        const auto key = key_of(local, remote);
        auto found = mappings_.find(key);
        if (found == mappings_.end() || taken_.count({found->second.port, remote}) != 0) {
            found =
                mappings_.insert_or_assign(key, Endpoint{kExternal, choose(local, remote)}).first;
            owners_[found->second] = local;
        }
        contacted_[found->second].insert(remote);
        return found->second;
    }

    /// The host's endpoint that a datagram from \a remote to \a external reaches; empty: dropped.
    [[nodiscard]] std::optional<Endpoint> receive(const Endpoint& external,
                                                  const Endpoint& remote) const {
        Endpoint owner = external;
        if (kind_.mapping != MappingBehaviour::None) {
            const auto found = owners_.find(external);
            if (found == owners_.end()) return std::nullopt;
            owner = found->second;
        }
        if (kind_.filtering == FilteringBehaviour::EndpointIndependent) return owner;
        const auto known = contacted_.find(external);
        if (known == contacted_.end()) return std::nullopt;
        for (const auto& each : known->second) {
            if (each == remote || (each.address == remote.address &&
                                   kind_.filtering == FilteringBehaviour::AddressDependent)) {
                return owner;
            }
        }
        return std::nullopt;
    }

private:
    using Key = std::tuple<Endpoint, IpAddress, std::uint16_t>;

    [[nodiscard]] Key key_of(const Endpoint& local, const Endpoint& remote) const {
        const bool address = kind_.mapping == MappingBehaviour::AddressDependent ||
                             kind_.mapping == MappingBehaviour::AddressAndPortDependent;
        const bool port = kind_.mapping == MappingBehaviour::AddressAndPortDependent;
        return {local, address ? remote.address : IpAddress(),
                static_cast<std::uint16_t>(port ? remote.port : 0)};
    }
    std::uint16_t choose(const Endpoint& local, const Endpoint& remote) {
        const auto is_free = [&](std::uint16_t port) {
            return owners_.count({kExternal, port}) == 0 && taken_.count({port, remote}) == 0;
        };
        if (kind_.preserving && is_free(local.port)) return local.port;
        for (;;) {
            if (kind_.step != 0) {
                next_ = static_cast<std::uint16_t>(next_ + kind_.step);
            } else {
                next_ = static_cast<std::uint16_t>(
                    std::uniform_int_distribution<int>(1024, 65535)(random_));
            }
            if (is_free(next_)) return next_;
        }
    }

    Kind kind_;
    std::mt19937 random_;
    std::uint16_t next_ = 40000;
    std::map<Key, Endpoint> mappings_;
    std::map<Endpoint, Endpoint> owners_;
    std::map<Endpoint, std::set<Endpoint>> contacted_;
    std::set<std::pair<std::uint16_t, Endpoint>> taken_;
};

/// A server of RFC 5780 with four endpoints, and the faults that such servers have.
struct VirtualStunServer {
    enum class Fault : std::uint8_t {
        None,
        Dead,            ///< Never answers.
        Plain,           ///< Knows nothing of RFC 5780: names no other address, refuses with 420.
        NamesItself,     ///< Says that its other address is the one that was asked.
        SecondListener,  ///< Asked at its second address it names that one again, as coturn does.
        IgnoresChange,   ///< Answers from where it was asked.
        AnswersTwice,    ///< Answers a changed request from both.
        OtherIsDead,     ///< Does not send from its other address.
        OtherPortIsDead, ///< Nor from its other port.
        WrongAddress     ///< Tells everybody somebody else's address.
    };
    IpAddress first = IpAddress::v4(0x19000101);  // 25.0.1.1
    IpAddress second = IpAddress::v4(0x19000201); // 25.0.2.1
    std::uint16_t port = 3478;
    std::uint16_t other_port = 3479;
    Fault fault = Fault::None;

    [[nodiscard]] bool owns(const Endpoint& endpoint) const {
        return (endpoint.address == first || endpoint.address == second) &&
               (endpoint.port == port || endpoint.port == other_port);
    }
    [[nodiscard]] Endpoint primary() const { return {first, port}; }
    [[nodiscard]] Endpoint other() const { return {second, other_port}; }

    struct Reply {
        Endpoint source;
        Endpoint to;
        stun::Message message;
    };
    [[nodiscard]] std::vector<Reply> answer(const Endpoint& asked, const Endpoint& from,
                                            const stun::Message& request) const {
        if (fault == Fault::Dead) return {};
        const auto other_address = asked.address == first ? second : first;
        const auto changed_port = asked.port == port ? other_port : port;
        const auto change = stun::change_request(request).value_or({});
        if (fault == Fault::Plain && request.find(stun::AttributeType::ChangeRequest) != nullptr) {
            stun::Message refusal{.kind = stun::Class::Error, .transaction = request.transaction};
            refusal.add(stun::AttributeType::ErrorCode, stun::error_code_value({420, "Unknown"}));
            refusal.add(stun::AttributeType::UnknownAttributes,
                        stun::unknown_attributes_value({0x0003}));
            return {{asked, from, refusal}};
        }
        Endpoint source = asked;
        if (fault != Fault::IgnoresChange) {
            if (change.address) source.address = other_address;
            if (change.port) source.port = changed_port;
        }
        if (fault == Fault::SecondListener && asked.address == second) source.address = second;
        stun::Message message{.kind = stun::Class::Success, .transaction = request.transaction};
        Endpoint seen = from;
        if (fault == Fault::WrongAddress) seen = {IpAddress::v4(0x19000909), 9};
        message.add(stun::AttributeType::XorMappedAddress,
                    stun::xor_address(seen, request.transaction));
        if (fault != Fault::Plain) {
            Endpoint named{other_address, changed_port};
            if (fault == Fault::NamesItself) named.address = asked.address;
            if (fault == Fault::SecondListener) named.address = second;
            message.add(stun::AttributeType::OtherAddress, stun::plain_address(named));
        }
        Endpoint to = from;
        if (const auto response_port = stun::response_port(request)) to.port = *response_port;
        const bool dead = (fault == Fault::OtherIsDead && source.address != asked.address) ||
                          (fault == Fault::OtherPortIsDead && source.port != asked.port);
        std::vector<Reply> out;
        if (!dead) out.push_back({source, to, message});
        if (fault == Fault::AnswersTwice && source != asked) out.push_back({asked, to, message});
        return out;
    }
};

/// A host behind a VirtualNat, servers outside, and a way between them that loses packets.
class VirtualInternet {
public:
    VirtualInternet(Simulator& sim, VirtualNat::Kind kind, double loss = 0, unsigned seed = 1)
        : nat(kind, seed), sim_(sim), random_(seed), loss_(loss) {}

    VirtualNat nat;
    std::vector<VirtualStunServer> servers{{}};
    std::size_t largest = 65507;                                  ///< Longer datagrams are lost.
    static constexpr IpAddress kHost = IpAddress::v4(0xC0A8010A); // 192.168.1.10
    static constexpr Duration kOneWay{40};

    /// The next \a count answers from \a source are lost.
    void lose_from(const Endpoint& source, int count) {
        doomed_from_ = source;
        doomed_ = count;
    }

    /// Runs \a machine on a socket of its own with port \a port until it has a result.
    template<class Machine>
    void run(Machine& machine, std::uint16_t port) {
        const Endpoint local{kHost, port};
        std::function<void()> pump = [&] {
            while (const auto sent = machine.poll_transmit()) transmit(local, *sent, machine, pump);
            if (const auto deadline = machine.deadline()) {
                sim_.at(*deadline, [&] {
                    machine.handle_timeout(sim_.now());
                    pump();
                });
            }
        };
        machine.start(sim_.now());
        pump();
        sim_.run_until([&] { return machine.result().has_value(); });
        sim_.clear();
    }

private:
    template<class Machine>
    void transmit(const Endpoint& local, const Datagram& sent, Machine& machine,
                  std::function<void()>& pump) {
        const Endpoint seen = nat.send(local, sent.to);
        if (is_lost() || sent.payload.size() > largest) return;
        sim_.after(kOneWay, [this, seen, sent, local, &machine, &pump] {
            const auto request = stun::decode(sent.payload);
            if (!request) return;
            for (const auto& server : servers) {
                if (!server.owns(sent.to)) continue;
                for (const auto& reply : server.answer(sent.to, seen, *request)) {
                    if (is_lost(reply.source)) continue;
                    sim_.after(kOneWay, [this, reply, local, &machine, &pump] {
                        if (nat.receive(reply.to, reply.source) != local) return;
                        machine.handle_datagram(reply.source, stun::encode(reply.message),
                                                sim_.now());
                        pump();
                    });
                }
            }
        });
    }
    bool is_lost(const Endpoint& source) {
        if (doomed_ > 0 && source == doomed_from_) return --doomed_ >= 0;
        return is_lost();
    }
    bool is_lost() { return std::uniform_real_distribution<>(0, 1)(random_) < loss_; }

    Simulator& sim_;
    std::mt19937 random_;
    double loss_;
    Endpoint doomed_from_;
    int doomed_ = 0;
};

} // namespace natterjack::test
