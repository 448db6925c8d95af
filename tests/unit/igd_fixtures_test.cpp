// SPDX-License-Identifier: MIT
// Reads every file of tests/data/igd as its index says.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include <gtest/gtest.h>

#include "strategies/igd/upnp_parse.hpp"

namespace natterjack::igd {
namespace {

using Json = nlohmann::json;

const std::filesystem::path kData = std::filesystem::path(NATTERJACK_TEST_DATA) / "igd";

std::string contents(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    EXPECT_TRUE(in) << path;
    return {std::istreambuf_iterator<char>(in), {}};
}

struct Fixture {
    std::string file;
    Json expected;

    friend std::ostream& operator<<(std::ostream& out, const Fixture& fixture) {
        return out << fixture.file << ": " << fixture.expected["shows"];
    }
};

std::vector<Fixture> fixtures(const std::string& kind) {
    std::vector<Fixture> out;
    for (const auto& line : Json::parse(contents(kData / "index.json"))) {
        if (line.at("kind") == kind) out.push_back({line.at("file"), line});
    }
    return out;
}

std::string test_name(const testing::TestParamInfo<Fixture>& test) {
    std::string out = test.param.file.substr(0, test.param.file.rfind('.'));
    std::replace(out.begin(), out.end(), '-', '_');
    return out;
}

/// What a truncated prefix of a document may be: an error, never something else than the whole.
template<class Parse, class Whole>
void expect_no_other_meaning_in_a_prefix(const std::string& text, const Parse& parse,
                                         const Whole& whole) {
    for (std::size_t length = 0; length < text.size(); ++length) {
        const auto cut = parse(std::string_view(text).substr(0, length));
        EXPECT_TRUE(!cut || whole(*cut)) << length << " bytes";
    }
}

class IgdDescription : public testing::TestWithParam<Fixture> {};

TEST_P(IgdDescription, IsReadAsTheIndexSays) {
    const auto& [file, expected] = GetParam();
    const auto text = contents(kData / file);
    const std::string location = expected.at("location");
    const auto description = parse_description(text, location);
    if (expected.contains("error")) {
        ASSERT_FALSE(description);
        EXPECT_EQ(to_string(description.error().code), expected["error"].get<std::string>());
        return;
    }
    ASSERT_TRUE(description) << description.error().message;
    std::vector<WanService> services;
    for (const auto& service : expected.at("services")) {
        services.push_back({service.at("type"), service.at("control_url")});
    }
    EXPECT_EQ(description->services, services);
    EXPECT_EQ(description->product, expected.at("product").get<std::string>());
    ASSERT_EQ(description->refusal.has_value(), expected.contains("refusal"));
    if (description->refusal) {
        EXPECT_EQ(to_string(description->refusal->code), expected["refusal"].get<std::string>());
    }
    expect_no_other_meaning_in_a_prefix(
        text, [&](std::string_view cut) { return parse_description(cut, location); },
        [&](const Description& cut) { return cut.services == services; });
}

INSTANTIATE_TEST_SUITE_P(Data, IgdDescription, testing::ValuesIn(fixtures("description")),
                         test_name);

class IgdReply : public testing::TestWithParam<Fixture> {};

TEST_P(IgdReply, IsReadAsTheIndexSays) {
    const auto& [file, expected] = GetParam();
    const auto text = contents(kData / file);
    const std::string action = expected.at("action");
    const auto reply = parse_reply(action, text);
    if (expected.contains("error")) {
        ASSERT_FALSE(reply);
        EXPECT_EQ(to_string(reply.error().code), expected["error"].get<std::string>());
        return;
    }
    ASSERT_TRUE(reply) << reply.error().message;
    if (expected.contains("fault")) {
        const soap::Fault fault{expected["fault"].at("code"), expected["fault"].at("description")};
        ASSERT_TRUE(std::holds_alternative<soap::Fault>(*reply));
        EXPECT_EQ(std::get<soap::Fault>(*reply), fault);
        return;
    }
    ASSERT_TRUE(std::holds_alternative<Reply>(*reply));
    const auto& arguments = std::get<Reply>(*reply).arguments;
    const std::map<std::string, std::string> got(arguments.begin(), arguments.end());
    EXPECT_EQ(got, (expected.at("arguments").get<std::map<std::string, std::string>>()));
    expect_no_other_meaning_in_a_prefix(
        text, [&](std::string_view cut) { return parse_reply(action, cut); },
        [&](const auto& cut) {
            return std::holds_alternative<Reply>(cut) &&
                   std::get<Reply>(cut).arguments == arguments;
        });
}

INSTANTIATE_TEST_SUITE_P(Data, IgdReply, testing::ValuesIn(fixtures("reply")), test_name);

class IgdListing : public testing::TestWithParam<Fixture> {};

TEST_P(IgdListing, IsReadAsTheIndexSays) {
    const auto& [file, expected] = GetParam();
    const auto text = contents(kData / file);
    const auto listing = parse_port_listing(text);
    if (expected.contains("error")) {
        ASSERT_FALSE(listing);
        EXPECT_EQ(to_string(listing.error().code), expected["error"].get<std::string>());
        return;
    }
    ASSERT_TRUE(listing) << listing.error().message;
    std::vector<PortEntry> entries;
    for (const auto& entry : expected.at("entries")) {
        entries.push_back({entry.at("protocol") == "tcp" ? Transport::Tcp : Transport::Udp,
                           entry.at("external_port"),
                           *Endpoint::parse(entry.at("internal").get<std::string>()),
                           entry.at("remote_host"), entry.at("description"),
                           Lifetime(entry.at("lease").get<std::uint32_t>()), entry.at("enabled"),
                           entry.value("host", "")});
    }
    EXPECT_EQ(*listing, entries);
}

INSTANTIATE_TEST_SUITE_P(Data, IgdListing, testing::ValuesIn(fixtures("listing")), test_name);

TEST(IgdFixtures, AreAllInTheIndex) {
    std::set<std::string> indexed;
    for (const auto* kind : {"description", "reply", "listing"}) {
        for (const auto& fixture : fixtures(kind)) {
            indexed.insert(fixture.file);
            EXPECT_GT(fixture.expected.at("shows").get<std::string>().size(), 10U) << fixture.file;
        }
    }
    for (const auto& entry : std::filesystem::directory_iterator(kData)) {
        const auto name = entry.path().filename().string();
        const bool described = entry.path().extension() != ".xml" || indexed.contains(name);
        EXPECT_TRUE(described) << name;
    }
}

} // namespace
} // namespace natterjack::igd
