// SPDX-License-Identifier: MIT
// What nat-probe shows of a report: every word explained, no address, nothing unescaped.
#include <algorithm>

#include <gtest/gtest.h>

#include "nat-probe/expectation.hpp"
#include "nat-probe/glossary.hpp"
#include "nat-probe/html_report.hpp"
#include "nat-probe/json_report.hpp"
#include "nat-probe/outline.hpp"
#include "nat-probe/text_report.hpp"

namespace nat_probe {
namespace {

using namespace natterjack;

template<class Enum>
std::vector<Enum> all_of(Enum last) {
    std::vector<Enum> out;
    for (int i = 0; i <= static_cast<int>(last); ++i) out.push_back(static_cast<Enum>(i));
    return out;
}

/// A report that says as much as one can.
ProbeReport full_report() {
    ProbeReport out;
    for (auto* family : {&out.v4, &out.v6}) {
        family->status = FamilyReport::Status::Works;
        family->local = IpAddress::v4(0xC0A8010A);
        family->external = IpAddress::v4(0x19007102);
        family->seen = {{*Endpoint::parse("25.0.1.1:3478"),
                         *Endpoint::parse("192.168.1.10:5000"),
                         *Endpoint::parse("25.0.113.2:5000"),
                         {}}};
        family->mapping = {MappingBehaviour::AddressAndPortDependent, Confidence::Proved, "seen"};
        family->filtering = {FilteringBehaviour::AddressDependent, Confidence::Likely, "seen"};
        family->pooling = {Pooling::Arbitrary, Confidence::Likely, "seen"};
        family->ports.sockets = 8;
        family->ports.pattern = {PortPattern::Sequential, Confidence::Likely, "seen"};
        family->ports.one_guess = 0.5;
        family->ports.many_guesses = 1;
        family->rewriting = {AddressRewriting::Rewrites, Confidence::Proved, "seen"};
        family->tcp_mapping = {MappingBehaviour::EndpointIndependent, Confidence::Proved, "seen"};
        family->unsolicited_syn = {UnsolicitedSyn::Reset, Confidence::Likely, "seen"};
    }
    out.layers.count = {2, Confidence::Proved, "seen"};
    out.layers.carrier = {Truth::Yes, Confidence::Proved, "seen"};
    out.layers.hops = {{1, IpAddress::v4(0xC0A80101)}, {2, std::nullopt}};
    out.gateway = IpAddress::v4(0xC0A80101);
    out.vpn = {Truth::Yes, Confidence::Likely, "seen"};
    out.captive_portal = {Truth::Yes, Confidence::Likely, "seen"};
    for (const auto strategy : {Strategy::Igd, Strategy::Pcp, Strategy::NatPmp}) {
        out.services.push_back({strategy, true, IpAddress::v4(0xC0A80101),
                                IpAddress::v4(0x64400002), "Product 1.0 at 192.168.1.1", ""});
    }
    for (const auto proof : all_of(Proof::Refuted))
        out.mapped.push_back({6667, Transport::Tcp, OpeningInfo{.proof = proof}, ""});
    for (const auto quality : all_of(ServerReport::Rfc5780::Refuses)) {
        ServerReport server;
        server.name = "25.0.1.1";
        server.endpoint = *Endpoint::parse("25.0.1.1:3478");
        server.answered = true;
        server.rfc5780 = quality;
        server.software = "Server <1>";
        out.servers.push_back(server);
    }
    for (const char* peer : {"none", "eif", "adf", "apdf", "sequential", "random", "blocked"})
        out.predictions.push_back({peer, PeerPrediction::Direct::Unlikely, "somehow"});
    out.verdict = {.value = Verdict::Class::Hard,
                   .summary = "Hard.",
                   .why = "because.",
                   .advice = {{"CGN", "do this"}},
                   .xbox = "strict",
                   .playstation = "type3"};
    out.warnings = {"closing the port: 192.168.1.1 does not answer"};
    return out;
}

void expect_explained(const std::string& word) {
    EXPECT_NE(find_term(word), nullptr) << "\"" << word << "\" is not explained";
}

TEST(Glossary, ExplainsEveryTermOfAReport) {
    Placeholders names(false);
    const Measured measured{natterjack::Finding<natterjack::Hairpin>{}, natterjack::MtuReport{}};
    const auto outline = make_outline(full_report(), names, measured);
    for (const auto& section : outline.sections) {
        expect_explained(section.term);
        for (const auto& line : section.lines) {
            expect_explained(line.term);
            if (line.confidence.empty()) continue;
            expect_explained(line.confidence.starts_with("rfc 5780: ") ? line.confidence.substr(10)
                                                                       : line.confidence);
        }
    }
    for (const auto& peer : outline.peers) expect_explained(peer.term);
}

TEST(Glossary, ExplainsEveryValueThatAFindingCanHave) {
    const auto check = [](auto last) {
        for (const auto value : all_of(last)) expect_explained(std::string(to_string(value)));
    };
    check(Confidence::Proved);
    check(MappingBehaviour::AddressAndPortDependent);
    check(FilteringBehaviour::AddressAndPortDependent);
    check(Pooling::Arbitrary);
    check(PortPattern::Random);
    check(AddressRewriting::Rewrites);
    check(Truth::Yes);
    check(UnsolicitedSyn::Accepted);
    check(FamilyReport::Status::Works);
    check(ServerReport::Rfc5780::Refuses);
    check(PeerPrediction::Direct::No);
    check(Verdict::Class::Blocked);
    check(Hairpin::InternalSource);
    check(Proof::Refuted);
    check(Strategy::NatPmp);
    for (const char* code :
         {"CAPTIVE-PORTAL", "RELAY-TCP",     "MORE-SERVERS", "CGN",
          "DOUBLE-NAT",     "RELAY",         "OPEN-PORT",    "ENABLE-PORT-MAPPING",
          "FIREWALL",       "IPV6",          "IPV6-ONLY",    "VPN",
          "NOTHING",        "hole punching", "moderate",     "strict",
          "type1",          "type2",         "type3",        "xbox",
          "playstation"}) {
        expect_explained(code);
    }
}

TEST(Glossary, HasEachWordOnce) {
    auto words = glossary();
    for (const auto& term : words) EXPECT_EQ(find_term(term.word)->text, term.text) << term.word;
    EXPECT_EQ(find_term("APDM")->word, "apdm");
    EXPECT_EQ(find_term("Nat_PMP")->word, "nat-pmp");
    EXPECT_EQ(find_term("full cone")->word, "eif");
    EXPECT_EQ(find_term("UPnP")->word, "igd");
    EXPECT_EQ(find_term("frobnicate"), nullptr);
}

TEST(Placeholders, AreConsistentAndTellTheKind) {
    Placeholders names(false);
    EXPECT_EQ(names.name(IpAddress::v4(0x19007102)), "<public-1>");
    EXPECT_EQ(names.name(IpAddress::v4(0xC0A80101)), "<private-1>");
    EXPECT_EQ(names.name(IpAddress::v4(0x64400001)), "<shared-1>");
    EXPECT_EQ(names.name(*IpAddress::parse("2a00::1")), "<public6-1>");
    EXPECT_EQ(names.name(*IpAddress::parse("fd00::1")), "<private6-1>");
    EXPECT_EQ(names.name(IpAddress::v4(0x19007103)), "<public-2>");
    EXPECT_EQ(names.scrub("25.0.113.2:80, [2a00::1]:80 and 192.168.1.1. At 12:30, version 1.2.3"),
              "<public-1>:80, [<public6-1>]:80 and <private-1>. At 12:30, version 1.2.3");
    EXPECT_EQ(Placeholders(true).scrub("25.0.113.2"), "25.0.113.2");
}

TEST(Report, ShowsNoAddressUnlessAsked) {
    for (const bool show : {false, true}) {
        Placeholders names(show);
        const auto outline = make_outline(full_report(), names);
        for (const auto& text :
             {to_text(outline), to_html(outline), to_json(full_report(), names).dump()}) {
            for (const char* address :
                 {"25.0.113.2", "192.168.1.10", "192.168.1.1", "25.0.1.1", "100.64.0.2"}) {
                EXPECT_EQ(text.find(address) != std::string::npos, show) << address << text;
            }
        }
    }
}

TEST(HtmlReport, EscapesWhatComesFromTheNetwork) {
    auto report = full_report();
    report.servers.front().software = "<script>alert('x')</script>\"&";
    Placeholders names(true);
    const auto page = to_html(make_outline(report, names));
    EXPECT_EQ(page.find("<script"), std::string::npos);
    EXPECT_NE(page.find("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"),
              std::string::npos);
    EXPECT_EQ(page.find("http://"), std::string::npos); // nothing is fetched
    EXPECT_EQ(page.find("url("), std::string::npos);
}

TEST(TextReport, FitsAScreen) {
    Placeholders names(false);
    auto report = full_report();
    report.warnings = {std::string(50, 'a') + " " + std::string(49, 'b') + " " +
                       std::string(60, 'c')};
    const auto text = to_text(make_outline(report, names));
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = text.find('\n', at);
        if (text.substr(at, 3) != "  [") { // the path is as wide as it is
            EXPECT_LE(end - at, 120U) << text.substr(at, end - at);
        }
        at = end + 1;
    }
}

/// Behind one NAT, of which all is known.
ProbeReport behind_router() {
    ProbeReport out;
    out.v4.status = FamilyReport::Status::Works;
    out.v4.local = IpAddress::v4(0xC0A8010A);
    out.v4.external = IpAddress::v4(0x19007102);
    out.v4.mapping = {MappingBehaviour::EndpointIndependent, Confidence::Proved, ""};
    out.v4.filtering = {FilteringBehaviour::AddressAndPortDependent, Confidence::Proved, ""};
    out.gateway = IpAddress::v4(0xC0A80101);
    out.layers.count = {1, Confidence::Proved, ""};
    return out;
}

std::string path_drawn(const ProbeReport& report) {
    Placeholders names(true);
    return "\n" + draw_path(make_outline(report, names).path);
}

TEST(TextReport, DrawsARouterAndWhatItSpeaks) {
    auto report = behind_router();
    report.services = {{Strategy::Igd, true, {}, std::nullopt, "", ""},
                       {Strategy::Pcp, false, {}, std::nullopt, "", ""},
                       {Strategy::NatPmp, true, {}, std::nullopt, "", ""}};
    EXPECT_EQ(path_drawn(report), R"(
  [this host]-------[router]-----------------------[internet]
  192.168.1.10      192.168.1.1                    sees 25.0.113.2
                    opens ports: igd, nat-pmp
                    eim / apdf
)");
}

TEST(TextReport, DrawsTheCarriersNatBehindTheRouterOrInItsPlace) {
    auto report = behind_router();
    report.layers.count = {2, Confidence::Proved, ""};
    report.layers.carrier = {Truth::Yes, Confidence::Proved, ""};
    EXPECT_EQ(path_drawn(report), R"(
  [this host]-------[router]---------[carrier's NAT]------[internet]
  192.168.1.10      192.168.1.1      eim / apdf           sees 25.0.113.2
)");
    const auto both = path_drawn(report);
    report.layers.count = {0, Confidence::Inconclusive, ""};
    EXPECT_EQ(path_drawn(report), both)
        << "where no hop answered, the carrier's NAT has been proved";
    report.layers.count = {2, Confidence::Proved, ""};
    report.layers.carrier = {Truth::Unknown, Confidence::NotTested, ""};
    EXPECT_NE(path_drawn(report).find("[second router]"), std::string::npos);

    auto phone = behind_router();
    phone.v4.local = IpAddress::v4(0x6440000A);
    phone.gateway = {};
    phone.layers.carrier = {Truth::Yes, Confidence::Proved, ""};
    EXPECT_EQ(path_drawn(phone), R"(
  [this host]------[carrier's NAT]------[internet]
  100.64.0.10      eim / apdf           sees 25.0.113.2
)");
}

TEST(TextReport, DrawsTheVpnInTheRoutersPlace) {
    auto report = behind_router();
    report.v4.local = IpAddress::v4(0x0A080002);
    report.gateway = IpAddress::v4(0x0A080001);
    report.vpn = {Truth::Yes, Confidence::Likely, ""};
    EXPECT_EQ(path_drawn(report), R"(
  [this host]------[VPN]-----------[internet]
  10.8.0.2         10.8.0.1        sees 25.0.113.2
                   eim / apdf
)");
}

TEST(TextReport, DrawsAFirewallWithoutNat) {
    auto report = behind_router();
    report.v4.local = IpAddress::v4(0x19007102);
    report.v4.mapping.value = MappingBehaviour::None;
    report.layers.count = {0, Confidence::Proved, ""};
    EXPECT_EQ(path_drawn(report), R"(
  [this host]------[firewall]------[internet]
  25.0.113.2       apdf            sees 25.0.113.2
)");
    report.v4.filtering.value = FilteringBehaviour::EndpointIndependent;
    EXPECT_EQ(path_drawn(report), R"(
  [this host]------[internet]
  25.0.113.2       sees 25.0.113.2
)");
}

TEST(TextReport, CutsThePathWhereUdpIsBlocked) {
    ProbeReport report;
    report.v4.status = FamilyReport::Status::Blocked;
    report.v4.local = IpAddress::v4(0xC0A8010A);
    EXPECT_EQ(path_drawn(report), R"(
  [this host]---//--[firewall]--//--[internet]
  192.168.1.10      no UDP
)");
}

TEST(Expectation, IsReadAndChecked) {
    const auto wanted = parse_expectations("mapping=apdm,cgn=no,layers=2,portmap=claimed");
    ASSERT_TRUE(wanted);
    auto report = full_report();
    report.mapped = {{1, Transport::Udp, OpeningInfo{.proof = Proof::Claimed}, ""}};
    const auto lines = unmet(report, *wanted);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines.front(), "expected cgn=no, found yes");
    EXPECT_TRUE(parse_expectations("")->empty());
    for (const char* bad : {"mapping", "mapping=", "=eim", "colour=red", "mapping=eim,,",
                            "mapping=cone", "layers=two", "cgn=maybe", "portmap=yes"})
        EXPECT_FALSE(parse_expectations(bad)) << bad;
}

TEST(Expectation, TakesEveryValueThatAReportCanHave) {
    const auto check = [](const std::string& key, auto last) {
        for (const auto value : all_of(last)) {
            const auto word = key + "=" + std::string(to_string(value));
            EXPECT_TRUE(parse_expectations(word)) << word;
        }
    };
    check("verdict", Verdict::Class::Blocked);
    check("mapping", MappingBehaviour::AddressAndPortDependent);
    check("filtering", FilteringBehaviour::AddressAndPortDependent);
    check("ipv4", FamilyReport::Status::Works);
    check("ipv6", FamilyReport::Status::Works);
    check("ports", PortPattern::Random);
    check("cgn", Truth::Yes);
    check("portmap", Proof::Refuted);
    for (const char* word : {"portmap=none", "portmap=unknown", "layers=unknown", "layers=0"})
        EXPECT_TRUE(parse_expectations(word)) << word;
}

} // namespace
} // namespace nat_probe
