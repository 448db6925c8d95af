// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "traversal/appraisal.hpp"

namespace natterjack {
namespace {

OpeningInfo appraised(const char* external, std::optional<IpAddress> seen = {}) {
    OpeningInfo info;
    appraise({.external = Endpoint::parse(external).value_or({}), .lifetime = Lifetime(60)},
             {.seen = seen, .beyond = {"the second router said no"}}, info);
    return info;
}

TEST(Appraisal, BelievesAPublicAddressThatNobodyDenies) {
    const auto info = appraised("25.0.113.7:80");
    EXPECT_EQ(info.reach, Reach::Anyone);
    EXPECT_EQ(info.lifetime, std::chrono::seconds(60));
    EXPECT_TRUE(info.note.empty());
    EXPECT_EQ(appraised("25.0.113.7:80", IpAddress::v4(0x19007107)).reach, Reach::Anyone);
}

struct Behind {
    const char* external;
    std::optional<IpAddress> seen;
    const char* says;
};

TEST(Appraisal, SaysWhatStandsInFront) {
    for (const Behind& row :
         {Behind{"192.168.0.2:80", {}, "private"}, Behind{"10.1.2.3:80", {}, "private"},
          Behind{"100.64.0.2:80", {}, "carrier-grade NAT"},
          Behind{"224.0.0.1:80", {}, "224.0.0.1 is not one that the internet routes to"},
          Behind{"0.0.0.0:80", {}, "does not know its external address"},
          Behind{"25.0.113.7:80", IpAddress::v4(0x19007201), "25.0.114.1"}}) {
        const auto info = appraised(row.external, row.seen);
        EXPECT_EQ(info.reach, Reach::BehindAnotherNat) << row.external;
        EXPECT_NE(info.note.find(row.says), std::string::npos) << info.note;
    }
}

TEST(Appraisal, GivesItsReasonsForSayingSo) {
    EXPECT_TRUE(appraised("25.0.113.7:80").evidence.empty());
    const auto info = appraised("100.64.0.2:80", IpAddress::v4(0x19007201));
    ASSERT_EQ(info.evidence.size(), 3U);
    EXPECT_NE(info.evidence[0].find("100.64.0.0/10"), std::string::npos);
    EXPECT_NE(info.evidence[1].find("25.0.114.1"), std::string::npos);
    EXPECT_EQ(info.evidence[2], "the second router said no");
}

TEST(Appraisal, NamesEveryGatewayOnTheWay) {
    Mapping inner{.strategy = Strategy::Pcp,
                  .internal = *Endpoint::parse("192.168.1.2:80"),
                  .external = *Endpoint::parse("10.0.0.2:80"),
                  .lifetime = Lifetime(60),
                  .gateway = IpAddress::v4(0xC0A80101)};
    OpeningInfo info;
    appraise(inner, {}, info);
    ASSERT_EQ(info.hops.size(), 1U);
    EXPECT_EQ(info.hops[0].external, inner.external);
    const Mapping outer{.strategy = Strategy::Igd,
                        .internal = inner.external,
                        .external = *Endpoint::parse("25.0.113.7:80"),
                        .lifetime = Lifetime(50),
                        .gateway = IpAddress::v4(0x0A000001)};
    Mapping both = inner;
    both.external = outer.external;
    both.hops = {inner, outer};
    appraise(both, {}, info);
    ASSERT_EQ(info.hops.size(), 2U);
    EXPECT_EQ(info.hops[1].strategy, Strategy::Igd);
    EXPECT_EQ(info.hops[1].internal, info.hops[0].external);
    EXPECT_EQ(info.reach, Reach::Anyone);
    EXPECT_TRUE(info.note.empty());
}

TEST(Appraisal, KeepsTheMappersNoteAfterItsOwn) {
    OpeningInfo info;
    info.note = "old";
    appraise({.external = *Endpoint::parse("10.0.0.1:1"), .note = "permanent"}, {}, info);
    EXPECT_EQ(info.note.find("old"), std::string::npos);
    EXPECT_TRUE(info.note.ends_with("; permanent")) << info.note;
}

} // namespace
} // namespace natterjack
