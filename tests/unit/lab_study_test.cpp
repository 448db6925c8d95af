// SPDX-License-Identifier: MIT
// What nat-lab says of many NATs: recipes, the matrix, the two judges of its selftest.
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "nat-lab/matrix.hpp"
#include "nat-lab/nft_rules.hpp"
#include "nat-lab/recipe.hpp"
#include "nat-lab/selftest.hpp"

namespace natterjack::lab {
namespace {

using namespace std::chrono_literals;

SiteSpec site(std::string_view spec) {
    const auto parsed = parse_spec(spec);
    EXPECT_TRUE(parsed) << spec;
    return parsed ? *parsed : SiteSpec();
}

TEST(LabBehaviour, IsThatOfTheStrictestRouter) {
    const auto seen = [](std::string_view spec) {
        return to_string(expected_behaviour(site(spec)));
    };
    EXPECT_EQ(seen("adm/eif"), "adm/eif");
    EXPECT_EQ(seen("eim/eif>apdm/adf"), "apdm/adf");
    EXPECT_EQ(seen("adm/apdf>eim/eif"), "adm/apdf");
    EXPECT_EQ(seen("eim/eif,firewall"), "eim/apdf");
    EXPECT_EQ(seen("none"), "none/eif");
    EXPECT_EQ(seen("none,firewall"), "none/apdf");
    EXPECT_EQ(seen("ipv6-only"), "none/apdf");
    EXPECT_EQ(seen("none,ipv6,no-ipv4"), "none/eif");
    EXPECT_EQ(seen("symmetric,vpn"), "eim/apdf");
    EXPECT_EQ(seen("blocked"), "unknown");
    EXPECT_EQ(seen("home>blocked"), "unknown");
    EXPECT_EQ(seen("home,out=udp:53"), "unknown");
    EXPECT_EQ(seen("home,out=udp:53+3478"), "eim/apdf");
}

TEST(LabBehaviour, ReadsCoturnsTool) {
    // The lines that turnutils_natdiscovery of coturn 4.6.1 ends its findings with.
    EXPECT_EQ(read_natdiscovery("NAT with Address Dependent Mapping!\n"
                                "NAT with Endpoint Independent Filtering!\n"),
              (Behaviour{"adm", "eif"}));
    EXPECT_EQ(read_natdiscovery("NAT with Address and Port Dependent Mapping!\n"
                                "NAT with Address and Port Dependent Filtering!\n"),
              (Behaviour{"apdm", "apdf"}));
    EXPECT_EQ(read_natdiscovery("No NAT! (Endpoint Independent Mapping)\n"
                                "NAT with Endpoint Independent Mapping!\n"
                                "NAT with Address Dependent Filtering!\n"),
              (Behaviour{"none", "adf"}));
    EXPECT_EQ(read_natdiscovery("STUN receive timeout..\n"), Behaviour());
    EXPECT_EQ(read_natdiscovery(""), Behaviour());
}

TEST(LabBehaviour, ReadsNatProbe) {
    const std::string report = R"({"families": {
        "v4": {"mapping": {"value": "eim"}, "filtering": {"value": "adf"}},
        "v6": {"mapping": {"value": "none"}}}})";
    EXPECT_EQ(read_nat_probe(report, false), (Behaviour{"eim", "adf"}));
    EXPECT_EQ(read_nat_probe(report, true), (Behaviour{"none", "unknown"}));
    for (const auto* nonsense : {"", "nat-probe: no network", "[]", "{}", R"({"families": 4})"}) {
        EXPECT_FALSE(read_nat_probe(nonsense, false)) << nonsense;
    }
}

TEST(LabSelftest, AgreesWhenAllThatWereAskedDo) {
    const Behaviour home{"eim", "apdf"};
    const Behaviour other{"eim", "eif"};
    EXPECT_TRUE(agrees({"home", home, home, {}}));
    EXPECT_TRUE(agrees({"home", home, home, home}));
    EXPECT_FALSE(agrees({"home", home, other, home}));
    EXPECT_FALSE(agrees({"home", home, home, other}));
    EXPECT_FALSE(agrees({"home", home, Behaviour(), {}}));
    EXPECT_EQ(selftest_table({{"home", home, home, {}}, {"double", home, home, other}}),
              "SPEC    is         coturn     nat-probe  \n"
              "home    eim/apdf   eim/apdf   -          ok\n"
              "double  eim/apdf   eim/apdf   eim/eif    DIFFERS\n");
    const auto json = nlohmann::json::parse(selftest_json({{"home", home, other, {}}}));
    EXPECT_EQ(json.at("ok"), false);
    EXPECT_EQ(json.at("findings")[0].at("coturn").at("filtering"), "eif");
}

TEST(LabMatrix, OneCommandIsForBothHosts) {
    const auto commands = expand_roles({"peer {role} to {peer}, {role}"});
    ASSERT_TRUE(commands);
    EXPECT_EQ(*commands, (std::vector<std::string>{"a: peer a to b, a", "b: peer b to a, b"}));
    const auto own = expand_roles({"a: call {peer}", "outside: look"});
    ASSERT_TRUE(own);
    EXPECT_EQ(own->size(), 2U);
    EXPECT_FALSE(expand_roles({}));
    EXPECT_FALSE(expand_roles({"a: call", "answer"}));
}

TEST(LabMatrix, SaysWhatWentWellAndWhatDidNot) {
    TrialOutcome well;
    well.time = 1249ms;
    auto failed = well;
    failed.status = 3;
    auto late = well;
    late.timed_out = true;
    EXPECT_EQ(matrix_table({"none", "eim/apdf"}, {well, failed, late, well}),
              "a \\ b     none      eim/apdf\n"
              "none      1.2 s     fails 3\n"
              "eim/apdf  timeout   1.2 s\n");
    late.output = "\xff";
    const auto json = nlohmann::json::parse(matrix_json({"none"}, {late}));
    EXPECT_EQ(json.at("pairs")[0].at("ok"), false);
    EXPECT_FALSE(json.at("pairs")[0].contains("status"));
}

TEST(LabMatrix, ShowsWhatTheFirstFailureSaid) {
    TrialOutcome well;
    auto failed = well;
    failed.status = 3;
    failed.errors = "a: 1\na: 2\nb: 3\na: 4\nb: 5\nb: 6\n";
    EXPECT_EQ(first_failure({"none"}, {well}), "");
    EXPECT_EQ(first_failure({"none", "home"}, {well, failed, failed, well}),
              "nat-lab: none and home: fails 3, with\na: 2\nb: 3\na: 4\nb: 5\nb: 6\n"
              "nat-lab: --json has what all pairs said\n");
    failed.errors = "a: no line's end";
    EXPECT_TRUE(first_failure({"none"}, {failed}).find("with\na: no line's end\n") !=
                std::string::npos);
    failed.errors = "";
    EXPECT_TRUE(first_failure({"none"}, {failed}).find("said nothing") != std::string::npos);
}

TEST(LabTrials, TellAMachineThatCannotFromACommandThatFails) {
    TrialOutcome outcome;
    outcome.status = 69;
    outcome.errors = "a: nat-lab: no\n";
    EXPECT_FALSE(had_no_lab(outcome));
    outcome.errors = "nat-lab: cannot make namespaces\n";
    EXPECT_TRUE(had_no_lab(outcome));
    outcome.status = 1;
    EXPECT_FALSE(had_no_lab(outcome));
}

TEST(LabRecipe, IsTheRulesetOfEachRouter) {
    const auto text = recipe("home>eim/eif,timeout=5s", site("home>eim/eif,timeout=5s"));
    EXPECT_TRUE(text.find(nft_rules(site("eim/eif,timeout=5s").routers.front())) !=
                std::string::npos);
    EXPECT_TRUE(text.find("# nat-lab-gateway fills") != std::string::npos);
    EXPECT_TRUE(text.find("sysctl -w net.netfilter.nf_conntrack_udp_timeout=5\n") !=
                std::string::npos);
    EXPECT_TRUE(recipe("none", site("none")).ends_with("\n# No router translates here.\n"));
}

TEST(LabRecipe, EveryPresetHasALine) {
    const auto table = presets_table();
    const auto json = nlohmann::json::parse(presets_json());
    ASSERT_EQ(json.at("presets").size(), presets().size());
    for (const auto& preset : presets()) {
        EXPECT_TRUE(("\n" + table).find("\n" + std::string(preset.name) + " ") !=
                    std::string::npos);
    }
}

} // namespace
} // namespace natterjack::lab
