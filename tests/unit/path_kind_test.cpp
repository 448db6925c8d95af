// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "peer/path_kind.hpp"

namespace natterjack::peer {
namespace {

using Type = sdp::CandidateType;

Endpoint at(std::string_view text) {
    const auto parsed = Endpoint::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(Endpoint());
}

sdp::Candidate signalled(Type type, std::string_view where, unsigned type_preference) {
    sdp::Candidate out;
    out.type = type;
    out.address = at(where).address;
    out.port = at(where).port;
    out.priority = priority_of(type_preference, 1);
    return out;
}

// What one side signalled: a host behind a gateway that mapped a port, and a relay.
const std::vector<sdp::Candidate> kSignalled = {
    signalled(Type::Host, "192.168.1.10:5000", 126),
    signalled(Type::ServerReflexive, "25.0.113.2:5000", kReflexivePreference),
    signalled(Type::ServerReflexive, "25.0.113.2:6000", kMappedPreference),
    signalled(Type::Relayed, "25.0.1.1:50000", 0)};

TEST(PathKind, APriorityIsLaidOutAsTheStandardSays) {
    // RFC 8445 section 5.1.2.1: component 1.
    EXPECT_EQ(priority_of(126, 65535), 2130706431U);
    EXPECT_EQ(priority_of(0, 0), 255U);
}

TEST(PathKind, WhatWasSignalledCountsForMoreThanWhatACheckFound) {
    for (const auto found : {Type::PeerReflexive, Type::ServerReflexive}) {
        EXPECT_EQ(kind_of(found, at("192.168.1.10:5000"), kSignalled), CandidateKind::Host);
        EXPECT_EQ(kind_of(found, at("25.0.113.2:5000"), kSignalled), CandidateKind::Reflexive);
        EXPECT_EQ(kind_of(found, at("25.0.113.2:6000"), kSignalled), CandidateKind::Mapped);
        EXPECT_EQ(kind_of(found, at("25.0.1.1:50000"), kSignalled), CandidateKind::Relayed);
    }
}

TEST(PathKind, APortThatNobodySignalledIsANats) {
    EXPECT_EQ(kind_of(Type::PeerReflexive, at("25.0.113.2:7000"), kSignalled),
              CandidateKind::Reflexive);
    EXPECT_EQ(kind_of(Type::PeerReflexive, at("25.0.99.9:7000"), kSignalled),
              CandidateKind::Reflexive);
}

TEST(PathKind, ARelayIsKnownByItsAddressWhenARouterChangedThePort) {
    EXPECT_EQ(kind_of(Type::PeerReflexive, at("25.0.1.1:1083"), kSignalled),
              CandidateKind::Relayed);
    // A host on the relay's own machine is no relay.
    auto both = kSignalled;
    both.push_back(signalled(Type::Host, "25.0.1.1:4000", 126));
    EXPECT_EQ(kind_of(Type::PeerReflexive, at("25.0.1.1:1083"), both), CandidateKind::Reflexive);
}

// As browsers signal their private addresses.
sdp::Candidate hidden(std::uint16_t port) {
    sdp::Candidate out;
    out.name = "3f2b0a4c-9a5e-4e2c-8f5d-0a1b2c3d4e5f.local";
    out.port = port;
    return out;
}

TEST(PathKind, AHostBehindANameIsKnownByItsPort) {
    for (const auto* const where : {"192.168.1.20:51000", "10.7.0.3:51000", "[fd77::3]:51000",
                                    "[2001:db8::3]:51000", "169.254.7.7:51000"}) {
        EXPECT_EQ(kind_of(Type::PeerReflexive, at(where), {hidden(50000), hidden(51000)}),
                  CandidateKind::Host)
            << where;
    }
}

TEST(PathKind, AnotherPortOrAPublicAddressIsANatsAlthoughNamesHideHosts) {
    const auto kind = [](const char* where, std::vector<sdp::Candidate> more) {
        more.push_back(hidden(51000));
        return kind_of(Type::PeerReflexive, at(where), more);
    };
    EXPECT_EQ(kind("192.168.1.20:51001", {}), CandidateKind::Reflexive);
    EXPECT_EQ(kind("25.0.113.2:51000", {}), CandidateKind::Reflexive) << "a port that a NAT kept";
    EXPECT_EQ(kind("10.0.0.1:51000",
                   {signalled(Type::ServerReflexive, "10.0.0.1:51000", kReflexivePreference)}),
              CandidateKind::Reflexive)
        << "what a server saw is a NAT's";
    EXPECT_EQ(kind("10.0.0.1:51000", {signalled(Type::Relayed, "10.0.0.1:51000", 0)}),
              CandidateKind::Relayed);
}

TEST(PathKind, ANameOfARelayHidesNoHost) {
    auto relay = hidden(51000);
    relay.type = Type::Relayed;
    EXPECT_EQ(kind_of(Type::PeerReflexive, at("10.0.0.1:51000"), {relay}),
              CandidateKind::Reflexive);
}

TEST(PathKind, ThePathIsWhatItsWorseEndIs) {
    using Kind = CandidateKind;
    EXPECT_EQ(path_kind(Kind::Host, Kind::Host), PathKind::Direct);
    EXPECT_EQ(path_kind(Kind::Host, Kind::Reflexive), PathKind::Punched);
    EXPECT_EQ(path_kind(Kind::Mapped, Kind::Reflexive), PathKind::Mapped);
    EXPECT_EQ(path_kind(Kind::Host, Kind::Mapped), PathKind::Mapped) << "the peer's gateway";
    EXPECT_EQ(path_kind(Kind::Mapped, Kind::Relayed), PathKind::Relayed);
    EXPECT_EQ(path_kind(Kind::Relayed, Kind::Host), PathKind::Relayed);
}

} // namespace
} // namespace natterjack::peer
