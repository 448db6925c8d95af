// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "base/check_url.hpp"
#include "probe/portal.hpp"

namespace natterjack {
namespace {

const IpAddress kRouter = IpAddress::v4(0xC0A80101);
const IpAddress kPublic = IpAddress::v4(0x19000101);

TEST(PortalJudgement, SaysNothingWithoutEvidence) {
    EXPECT_EQ(judge_portal({}).confidence, Confidence::NotTested);
}

TEST(PortalJudgement, BelievesThePageMoreThanNetworkManager) {
    using net::Connectivity;
    struct Row {
        PortalEvidence evidence;
        Truth value;
        Confidence confidence;
    };
    for (const auto& [evidence, value, confidence] :
         {Row{{.check = PortalCheck::Redirected, .connectivity = Connectivity::Full},
              Truth::Yes,
              Confidence::Proved},
          Row{{.check = PortalCheck::SignIn}, Truth::Yes, Confidence::Proved},
          Row{{.check = PortalCheck::AsExpected, .connectivity = Connectivity::Portal},
              Truth::No,
              Confidence::Proved},
          Row{{.connectivity = Connectivity::Portal}, Truth::Yes, Confidence::Likely},
          Row{{.connectivity = Connectivity::Full}, Truth::No, Confidence::Likely},
          Row{{.connectivity = Connectivity::Limited}, Truth::Unknown, Confidence::NotTested},
          Row{{.check = PortalCheck::OtherPage}, Truth::Suspected, Confidence::Likely},
          Row{{.check = PortalCheck::NoAnswer}, Truth::Unknown, Confidence::Inconclusive},
          Row{{.stranger_answers = true}, Truth::Suspected, Confidence::Likely}}) {
        const auto finding = judge_portal(evidence);
        EXPECT_EQ(finding.value, value) << finding.evidence;
        EXPECT_EQ(finding.confidence, confidence) << finding.evidence;
    }
}

TEST(PortalJudgement, SuspectsNamesThatAllLeadToOneLocalAddress) {
    const auto truth = [](std::vector<LookedUp> names) {
        return judge_portal({.names = std::move(names)}).value;
    };
    EXPECT_EQ(truth({{"a.example", kRouter}, {"b.example", kRouter}}), Truth::Suspected);
    EXPECT_EQ(truth({{"a.example", kRouter}}), Truth::Unknown) << "a server at home";
    EXPECT_EQ(truth({{"a.example", kRouter}, {"a.example", kRouter}}), Truth::Unknown);
    EXPECT_EQ(truth({{"a.example", kPublic}, {"b.example", kPublic}}), Truth::Unknown);
    EXPECT_EQ(truth({{"a.example", kRouter}, {"b.example", kPublic}}), Truth::Unknown);
}

TEST(PortalPage, IsComparedWithWhatIsExpected) {
    EXPECT_EQ(judge_page(204, "", ""), PortalCheck::AsExpected);
    EXPECT_EQ(judge_page(200, "", ""), PortalCheck::OtherPage);
    EXPECT_EQ(judge_page(302, "", ""), PortalCheck::Redirected);
    EXPECT_EQ(judge_page(511, "", "online"), PortalCheck::SignIn);
    EXPECT_EQ(judge_page(200, "online\n", "online"), PortalCheck::AsExpected);
    EXPECT_EQ(judge_page(200, "<html>", "online"), PortalCheck::OtherPage);
    EXPECT_EQ(judge_page(204, "", "online"), PortalCheck::OtherPage);
    EXPECT_EQ(judge_page(500, "", ""), PortalCheck::OtherPage);
}

TEST(CheckUrl, IsRead) {
    const auto url = parse_check_url("http://check.example:8080/a?b  is online ");
    ASSERT_TRUE(url) << url.error().message;
    EXPECT_EQ(url->server, (HostPort{"check.example", 8080}));
    EXPECT_EQ(url->authority, "check.example:8080");
    EXPECT_EQ(url->target, "/a?b");
    EXPECT_EQ(url->expected, "is online");
    EXPECT_EQ(parse_check_url("http://192.0.2.1")->target, "/");
    EXPECT_EQ(parse_check_url("http://[2001:db8::1]/")->server.host, "2001:db8::1");
}

TEST(CheckUrl, RefusesAnythingElse) {
    for (const std::string text : {"", "https://a/", "http://", "http:///x", "http://u@a/", "a/b",
                                   "http://a/\x01", "http://a/\r\nHost: b", "http://a/x#y"}) {
        EXPECT_FALSE(parse_check_url(text)) << text;
    }
    EXPECT_FALSE(parse_check_url("http://a/" + std::string(1024, 'x')));
}

} // namespace
} // namespace natterjack
