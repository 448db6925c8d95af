// SPDX-License-Identifier: MIT
#include <algorithm>

#include <gtest/gtest.h>

#include "probe/layers.hpp"
#include "probe/prediction.hpp"
#include "probe/verdict.hpp"

namespace natterjack {
namespace {

using Class = Verdict::Class;
using Direct = PeerPrediction::Direct;
using M = MappingBehaviour;
using F = FilteringBehaviour;

constexpr Side kEif{M::EndpointIndependent, F::EndpointIndependent};
constexpr Side kAdf{M::EndpointIndependent, F::AddressDependent};
constexpr Side kApdf{M::EndpointIndependent, F::AddressAndPortDependent};
constexpr Side kSymmetric{M::AddressAndPortDependent, F::AddressAndPortDependent};

// What libjuice, libnice and aioice were measured to reach without a relay.
TEST(CanConnect, AgreesWithWhatIceReaches) {
    const std::vector<Side> sides = {kEif, kAdf, kApdf, kSymmetric};
    for (std::size_t a = 0; a < sides.size(); ++a) {
        for (std::size_t b = 0; b < sides.size(); ++b) {
            const bool fails = (a == 3 && b >= 2) || (b == 3 && a >= 2);
            EXPECT_EQ(can_connect(sides[a], sides[b]), !fails) << a << " with " << b;
        }
    }
}

// Whoever filters by port drops what a dependent mapping answers: it comes from another port.
TEST(CanConnect, AnOpenFilterDoesNotMakeUpForADependentMapping) {
    constexpr Side kLoose{M::AddressAndPortDependent, F::EndpointIndependent};
    EXPECT_TRUE(can_connect(kLoose, kEif));
    EXPECT_TRUE(can_connect(kLoose, kAdf));
    EXPECT_FALSE(can_connect(kLoose, kApdf));
    EXPECT_FALSE(can_connect(kLoose, kSymmetric));
}

ProbeReport working(M mapping, F filtering) {
    ProbeReport out;
    out.v4.status = FamilyReport::Status::Works;
    out.v4.local = IpAddress::v4(mapping == M::None ? 0x19007102 : 0xC0A8010A);
    out.v4.mapping = {mapping, Confidence::Proved, ""};
    out.v4.filtering = {filtering, Confidence::Proved, ""};
    return out;
}

Class class_of(ProbeReport report) {
    judge(report);
    EXPECT_FALSE(report.verdict.advice.empty());
    EXPECT_FALSE(report.verdict.summary.empty());
    EXPECT_FALSE(report.verdict.why.empty());
    EXPECT_EQ(report.predictions.size(), 7U);
    return report.verdict.value;
}

std::string summary_of(ProbeReport report) {
    judge(report);
    return report.verdict.summary;
}

bool advises(ProbeReport report, std::string_view code) {
    judge(report);
    return std::any_of(report.verdict.advice.begin(), report.verdict.advice.end(),
                       [&](const Advice& each) { return each.code == code; });
}

Direct with(ProbeReport report, std::string_view peer) {
    judge(report);
    for (const auto& each : report.predictions) {
        if (each.peer == peer) return each.direct;
    }
    return Direct::Unknown;
}

TEST(Verdict, IsOpenForAPublicAddressWithoutFilter) {
    EXPECT_EQ(class_of(working(M::None, F::EndpointIndependent)), Class::Open);
    EXPECT_EQ(class_of(working(M::None, F::AddressAndPortDependent)), Class::Good);
    EXPECT_EQ(class_of(working(M::None, F::Unknown)), Class::Good);
}

TEST(Verdict, IsOpenForAMappedPortOnlyWhenItIsProved) {
    auto report = working(M::EndpointIndependent, F::AddressAndPortDependent);
    report.mapped.push_back({.port = 1, .opening = OpeningInfo{.proof = Proof::Claimed}});
    EXPECT_EQ(class_of(report), Class::Good);
    report.mapped.front().opening->proof = Proof::Proved;
    EXPECT_EQ(class_of(report), Class::Open);
    EXPECT_EQ(with(report, "random"), Direct::Yes);
}

TEST(Verdict, IsGoodForAnIndependentMapping) {
    for (const auto filtering :
         {F::EndpointIndependent, F::AddressDependent, F::AddressAndPortDependent, F::Unknown}) {
        EXPECT_EQ(class_of(working(M::EndpointIndependent, filtering)), Class::Good);
    }
}

TEST(Verdict, SaysWhoGetsInByTheFilter) {
    for (const auto mapping : {M::None, M::EndpointIndependent}) {
        EXPECT_NE(summary_of(working(mapping, F::AddressAndPortDependent)).find("nobody"),
                  std::string::npos);
        EXPECT_NE(summary_of(working(mapping, F::Unknown)).find("not known"), std::string::npos);
        EXPECT_EQ(summary_of(working(mapping, F::EndpointIndependent)).find("nobody"),
                  std::string::npos);
    }
}

// Servers of the own network, or of this very host, see its address too.
TEST(Verdict, OfServersInTheOwnNetworkIsNone) {
    for (const auto local : {0xC0A8010AU, 0x7F000001U, 0x64400001U}) {
        auto report = working(M::None, F::EndpointIndependent);
        report.v4.local = IpAddress::v4(local);
        EXPECT_EQ(class_of(report), Class::Unknown);
        judge(report);
        EXPECT_EQ(report.verdict.xbox, "unknown");
    }
    auto report = working(M::None, F::EndpointIndependent);
    report.v4.local = IpAddress::v4(0xCB007105); // 203.0.113.5, as labs have outside
    EXPECT_EQ(class_of(report), Class::Open);
}

TEST(Verdict, ATcpPortThatIsOpenLetsNoUdpIn) {
    auto report = working(M::AddressAndPortDependent, F::AddressAndPortDependent);
    report.v4.ports.pattern = {PortPattern::Random, Confidence::Likely, ""};
    report.mapped.push_back(
        {.port = 1, .transport = Transport::Tcp, .opening = OpeningInfo{.proof = Proof::Proved}});
    EXPECT_EQ(class_of(report), Class::Open);
    EXPECT_EQ(with(report, "random"), Direct::No);
}

TEST(Verdict, AdvisesAgainstForwardingBehindACarriersNatUnlessItOpensPorts) {
    auto report = working(M::EndpointIndependent, F::AddressAndPortDependent);
    report.layers.carrier = {Truth::Yes, Confidence::Proved, ""};
    report.services.push_back({.strategy = Strategy::Pcp, .there = true});
    EXPECT_TRUE(advises(report, "CGN")) << "it is the home's router that opens ports";
    EXPECT_FALSE(advises(report, "OPEN-PORT"));
    report.v4.local = IpAddress::v4(0x64400001);
    EXPECT_FALSE(advises(report, "CGN")) << "it is the carrier's";
    EXPECT_TRUE(advises(report, "OPEN-PORT"));
}

TEST(Verdict, PointsToIpv6WhereIpv4IsPoor) {
    auto report = working(M::EndpointIndependent, F::AddressAndPortDependent);
    EXPECT_FALSE(advises(report, "IPV6"));
    report.v6.status = FamilyReport::Status::Works;
    EXPECT_FALSE(advises(report, "IPV6")) << "good already";
    report.layers.carrier = {Truth::Yes, Confidence::Proved, ""};
    EXPECT_TRUE(advises(report, "IPV6"));
}

TEST(Verdict, IsLimitedBehindACarriersNat) {
    auto report = working(M::EndpointIndependent, F::AddressAndPortDependent);
    report.layers.carrier = {Truth::Yes, Confidence::Proved, ""};
    EXPECT_EQ(class_of(report), Class::Limited);
    judge(report); // however many NATs there are, one is known
    EXPECT_EQ(report.verdict.why.rfind("A carrier's NAT", 0), 0U) << report.verdict.why;
}

TEST(Verdict, OfACarriersNatHangsOnItsMappingAndOnAProof) {
    auto report = working(M::EndpointIndependent, F::AddressAndPortDependent);
    report.layers.carrier = {Truth::Yes, Confidence::Proved, ""};
    EXPECT_EQ(with(report, "apdf"), Direct::Yes) << "invited peers get in";
    report.mapped.push_back({.opening = OpeningInfo{.proof = Proof::Proved}});
    EXPECT_EQ(class_of(report), Class::Open) << "a carrier that maps ports";
    report = working(M::AddressAndPortDependent, F::AddressAndPortDependent);
    report.layers.carrier = {Truth::Yes, Confidence::Proved, ""};
    report.v4.ports.pattern = {PortPattern::Sequential, Confidence::Proved, ""};
    report.v4.ports.one_guess = 0.9;
    EXPECT_EQ(class_of(report), Class::Hard) << "other customers take the ports in between";
}

TEST(Verdict, BehindACaptivePortalIsToSignIn) {
    ProbeReport report;
    report.v4.status = FamilyReport::Status::Silent;
    report.captive_portal = {Truth::Yes, Confidence::Proved, ""};
    judge(report);
    EXPECT_EQ(report.verdict.value, Class::Unknown);
    EXPECT_NE(report.verdict.summary.find("Sign in"), std::string::npos);
    EXPECT_EQ(report.verdict.advice.front().code, "CAPTIVE-PORTAL");
    auto passing = working(M::EndpointIndependent, F::EndpointIndependent);
    passing.captive_portal = report.captive_portal;
    EXPECT_EQ(class_of(passing), Class::Good) << "what gets through gets through";
}

TEST(Verdict, ThroughAVpnSaysNothingOfTheRouter) {
    for (const auto vpn : {Truth::No, Truth::Yes}) {
        auto report = working(M::EndpointIndependent, F::AddressAndPortDependent);
        report.services.push_back({.strategy = Strategy::Pcp});
        report.vpn.value = vpn;
        judge(report);
        const auto& advice = report.verdict.advice;
        EXPECT_EQ(std::any_of(advice.begin(), advice.end(),
                              [](const auto& each) { return each.code == "ENABLE-PORT-MAPPING"; }),
                  vpn == Truth::No);
    }
}

TEST(Verdict, OfADependentMappingHangsOnItsPorts) {
    auto report = working(M::AddressAndPortDependent, F::AddressAndPortDependent);
    report.v4.ports.pattern = {PortPattern::Random, Confidence::Likely, ""};
    EXPECT_EQ(class_of(report), Class::Hard);
    EXPECT_EQ(with(report, "adf"), Direct::Yes);
    EXPECT_EQ(with(report, "apdf"), Direct::Unlikely);
    EXPECT_EQ(with(report, "random"), Direct::No);
    report.v4.ports.pattern.value = PortPattern::Sequential;
    EXPECT_EQ(class_of(report), Class::Limited);
    EXPECT_EQ(with(report, "apdf"), Direct::Likely);
}

TEST(Verdict, ADependenceOfUnknownKindIsStillDependence) {
    auto report = working(M::Unknown, F::Unknown);
    report.v4.mapping_depends = true;
    report.v4.ports.pattern = {PortPattern::Random, Confidence::Likely, ""};
    EXPECT_EQ(class_of(report), Class::Hard);
    EXPECT_EQ(with(report, "adf"), Direct::Yes); // whatever the filter is
    EXPECT_EQ(with(report, "random"), Direct::No);
}

TEST(Verdict, SaysUnknownRatherThanNo) {
    EXPECT_EQ(class_of(working(M::Unknown, F::Unknown)), Class::Unknown);
    ProbeReport silent;
    silent.v4.status = FamilyReport::Status::Silent;
    EXPECT_EQ(class_of(silent), Class::Unknown);
    EXPECT_EQ(with(silent, "eif"), Direct::Unknown);
}

TEST(Verdict, WithoutServersTellsWhereToNameThem) {
    ProbeReport report;
    report.v4.status = FamilyReport::Status::NoServer;
    judge(report);
    EXPECT_EQ(report.verdict.value, Class::Unknown);
    EXPECT_NE(report.verdict.advice.front().text.find("servers.conf"), std::string::npos);
    EXPECT_EQ(report.verdict.why, "No STUN server was named.");
    report.servers.push_back({.name = "nobody.example"});
    judge(report);
    EXPECT_NE(report.verdict.why, "No STUN server was named.");
}

TEST(Verdict, IsBlockedWhenOnlyTcpPasses) {
    ProbeReport blocked;
    blocked.v4.status = FamilyReport::Status::Blocked;
    EXPECT_EQ(class_of(blocked), Class::Blocked);
    EXPECT_EQ(with(blocked, "none"), Direct::No);
}

TEST(Verdict, OfIpv6AloneIsIpv6s) {
    using Status = FamilyReport::Status;
    for (const auto status : {Status::NoAddress, Status::NoServer, Status::NotTested}) {
        ProbeReport report;
        report.v4.status = status;
        report.v6 = working(M::None, F::AddressAndPortDependent).v4;
        EXPECT_EQ(class_of(report), Class::Good);
        EXPECT_EQ(summary_of(report).rfind("Over IPv6: ", 0), 0U);
        EXPECT_EQ(with(report, "apdf"), Direct::Yes);
        EXPECT_TRUE(advises(report, "FIREWALL"));
        EXPECT_EQ(advises(report, "IPV6-ONLY"), status == Status::NoAddress);
        report.v6.filtering.value = F::EndpointIndependent;
        EXPECT_EQ(class_of(report), Class::Open);
        report.v6.status = Status::Blocked;
        EXPECT_EQ(class_of(report), Class::Blocked);
    }
}

TEST(Consoles, CallANetworkByWhoGetsIn) {
    struct Case {
        const char* what;
        ProbeReport report;
        std::string xbox;
        std::string playstation;
    };
    ProbeReport blocked;
    blocked.v4.status = FamilyReport::Status::Blocked;
    ProbeReport silent;
    silent.v4.status = FamilyReport::Status::Silent;
    auto sequential = working(M::AddressAndPortDependent, F::AddressAndPortDependent);
    sequential.v4.ports.pattern = {PortPattern::Sequential, Confidence::Likely, ""};
    auto of_unknown_kind = working(M::Unknown, F::Unknown);
    of_unknown_kind.v4.mapping_depends = true;
    auto mapped = working(M::EndpointIndependent, F::AddressAndPortDependent);
    mapped.mapped = {{6667, Transport::Udp, OpeningInfo{.proof = Proof::Proved}, ""}};
    const std::vector<Case> cases = {
        {"no NAT, no filter", working(M::None, F::EndpointIndependent), "open", "type1"},
        {"no NAT, a filter", working(M::None, F::AddressAndPortDependent), "moderate", "type2"},
        {"no NAT, who knows", working(M::None, F::Unknown), "moderate", "type2"},
        {"eim/eif", working(M::EndpointIndependent, F::EndpointIndependent), "open", "type2"},
        {"eim/adf", working(M::EndpointIndependent, F::AddressDependent), "moderate", "type2"},
        {"eim/apdf", working(M::EndpointIndependent, F::AddressAndPortDependent), "moderate",
         "type2"},
        {"eim, who knows", working(M::EndpointIndependent, F::Unknown), "moderate", "type2"},
        {"eim, a port that is proved open", mapped, "open", "type2"},
        {"adm", working(M::AddressDependent, F::EndpointIndependent), "strict", "type3"},
        {"apdm", working(M::AddressAndPortDependent, F::AddressAndPortDependent), "strict",
         "type3"},
        {"apdm, guessable", sequential, "strict", "type3"},
        {"adm or apdm", of_unknown_kind, "strict", "type3"},
        {"blocked", blocked, "strict", "type3"},
        {"silent", silent, "unknown", "unknown"},
        {"a mapping unknown", working(M::Unknown, F::Unknown), "unknown", "unknown"},
    };
    for (auto [what, report, xbox, playstation] : cases) {
        judge(report);
        EXPECT_EQ(report.verdict.xbox, xbox) << what;
        EXPECT_EQ(report.verdict.playstation, playstation) << what;
    }
}

TEST(Verdict, OfBothFamiliesIsIpv4s) {
    auto report = working(M::AddressAndPortDependent, F::AddressAndPortDependent);
    report.v6 = working(M::None, F::EndpointIndependent).v4;
    EXPECT_EQ(class_of(report), Class::Hard);
}

const IpAddress kLocal = IpAddress::v4(0xC0A8010A);
const IpAddress kGateway = IpAddress::v4(0xC0A80101);
const IpAddress kExternal = IpAddress::v4(0x19007102);
const IpAddress kShared = IpAddress::v4(0x64400002);

HopList way(std::vector<IpAddress> routers, HopList::End end = HopList::End::Reached) {
    HopList out{.hops = {}, .end = end};
    for (const auto& router : routers)
        out.hops.push_back({.distance = static_cast<int>(out.hops.size()) + 1, .router = router});
    return out;
}

TEST(Layers, AreNoneWhereTheOutsideSeesUs) {
    const auto said = judge_layers({.local = kExternal, .external = kExternal});
    EXPECT_EQ(said.count.value, 0);
    EXPECT_EQ(said.count.confidence, Confidence::Proved);
    EXPECT_EQ(said.carrier.value, Truth::No);
}

TEST(Layers, AreOneWhereTheGatewayHasTheExternalAddress) {
    for (const auto& evidence :
         {LayerEvidence{.local = kLocal, .external = kExternal, .to_external = way({})},
          LayerEvidence{.local = kLocal, .external = kExternal, .gateway_says = {kExternal}}}) {
        const auto said = judge_layers(evidence);
        EXPECT_EQ(said.count.value, 1);
        EXPECT_EQ(said.count.confidence, Confidence::Proved);
        EXPECT_EQ(said.carrier.value, Truth::No);
    }
}

TEST(Layers, AreTwoWhereTheGatewayLetsAProbeToItDie) {
    const auto said =
        judge_layers({.local = kLocal, .external = kExternal, .to_external = way({kGateway})});
    EXPECT_EQ(said.count.value, 2);
    EXPECT_EQ(said.count.confidence, Confidence::Likely);
    EXPECT_NE(said.carrier.value, Truth::No);
}

TEST(Layers, ASharedAddressOnTheWayIsACarriersNat) {
    const auto said = judge_layers({.local = kLocal,
                                    .external = kExternal,
                                    .to_external = way({kGateway}),
                                    .gateway_says = {kShared}});
    EXPECT_EQ(said.count.value, 2);
    EXPECT_EQ(said.count.confidence, Confidence::Proved);
    EXPECT_EQ(said.carrier.value, Truth::Yes);
}

TEST(Layers, AreUnknownWhereEvidenceContradictsOrIsMissing) {
    EXPECT_EQ(judge_layers({.local = kLocal, .external = kExternal}).count.confidence,
              Confidence::Inconclusive);
    const auto said = judge_layers({.local = kLocal,
                                    .external = kExternal,
                                    .to_external = way({}),
                                    .gateway_says = {kShared}});
    EXPECT_EQ(said.count.confidence, Confidence::Inconclusive);
}

// All answers of the gateway to the probe that ends there were lost, one to a longer-lived one
// came.
TEST(Layers, AreUnknownWhereTheGatewayWasNotHeard) {
    auto evidence =
        LayerEvidence{.local = kLocal, .external = kExternal, .to_external = way({IpAddress()})};
    auto said = judge_layers(evidence);
    EXPECT_EQ(said.count.confidence, Confidence::Inconclusive);
    EXPECT_EQ(said.carrier.value, Truth::Unknown);
    evidence.gateway_says = {kExternal}; // and that it has the address
    said = judge_layers(evidence);
    EXPECT_EQ(said.count.value, 1);
    EXPECT_EQ(said.count.confidence, Confidence::Proved);
}

TEST(Tunnel, IsAPointToPointInterfaceThatIsNoProviders) {
    for (const auto* name : {"wg0", "tailscale0", "utun3"})
        EXPECT_EQ(judge_tunnel(name, true).value, Truth::Yes) << name;
    for (const auto* name : {"ppp0", "wwan0", "rmnet_data0", "clat", "v4-wlan0"})
        EXPECT_EQ(judge_tunnel(name, true).value, Truth::No) << name;
    for (const auto* name : {"eth0", "wlp3s0", "br-lan"})
        EXPECT_EQ(judge_tunnel(name, false).value, Truth::No) << name;
}

TEST(Tunnel, OfEthernetsKindIsKnownByItsName) {
    for (const auto* name : {"tap0", "tun0", "ztabcdef12"})
        EXPECT_EQ(judge_tunnel(name, false).value, Truth::Yes) << name;
}

} // namespace
} // namespace natterjack
