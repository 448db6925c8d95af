// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "traversal/appraisal.hpp"

namespace natterjack {
namespace {

OpeningInfo appraised(const char* external, std::optional<IpAddress> seen = {}) {
    OpeningInfo info;
    appraise({.external = Endpoint::parse(external).value_or({}), .lifetime = Lifetime(60)}, seen,
             info);
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
          Behind{"0.0.0.0:80", {}, "does not know its external address"},
          Behind{"25.0.113.7:80", IpAddress::v4(0x19007201), "25.0.114.1"}}) {
        const auto info = appraised(row.external, row.seen);
        EXPECT_EQ(info.reach, Reach::BehindAnotherNat) << row.external;
        EXPECT_NE(info.note.find(row.says), std::string::npos) << info.note;
    }
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
