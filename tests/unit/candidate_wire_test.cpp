// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "wire/candidate.hpp"

namespace natterjack::sdp {
namespace {

// As Chrome 120 serialises it.
constexpr const char* kChromeReflexive =
    "candidate:842163049 1 udp 1677729535 198.51.100.7 45664 typ srflx raddr 0.0.0.0 rport 0 "
    "generation 0 ufrag EsAw network-cost 999";

TEST(Candidate, ReadsWhatChromeWrites) {
    const auto candidate = decode_candidate(kChromeReflexive);
    ASSERT_TRUE(candidate) << candidate.error().message;
    EXPECT_EQ(candidate->foundation, "842163049");
    EXPECT_EQ(candidate->transport, Transport::Udp);
    EXPECT_EQ(candidate->priority, 1677729535U);
    EXPECT_EQ(candidate->address, IpAddress::v4(0xC6336407));
    EXPECT_EQ(candidate->port, 45664);
    EXPECT_EQ(candidate->type, CandidateType::ServerReflexive);
    EXPECT_EQ(candidate->related, (Endpoint{IpAddress(), 0}));
    ASSERT_EQ(candidate->extensions.size(), 3U);
    EXPECT_EQ(candidate->extensions[1], (std::pair<std::string, std::string>("ufrag", "EsAw")));
}

TEST(Candidate, EncodesWhatItDecodes) {
    EXPECT_EQ(encode(*decode_candidate(kChromeReflexive)), kChromeReflexive);
}

TEST(Candidate, ReadsTheAttributeForm) {
    EXPECT_TRUE(decode_candidate("a=candidate:1 1 UDP 2130706431 192.0.2.1 5000 typ host"));
}

TEST(Candidate, ReadsEveryTypeAndTcp) {
    const auto host = decode_candidate("candidate:1 1 tcp 1518280447 2001:db8::1 9 typ host "
                                       "tcptype active");
    ASSERT_TRUE(host) << host.error().message;
    EXPECT_EQ(host->transport, Transport::Tcp);
    EXPECT_EQ(host->tcp_type, TcpType::Active);
    EXPECT_FALSE(host->address.is_v4());
    const auto relay = decode_candidate("candidate:+/x 1 udp 1 192.0.2.1 5 typ relay raddr "
                                        "203.0.113.4 rport 1000");
    ASSERT_TRUE(relay) << relay.error().message;
    EXPECT_EQ(relay->type, CandidateType::Relayed);
    EXPECT_EQ(relay->related->to_string(), "203.0.113.4:1000");
    EXPECT_EQ(decode_candidate("candidate:1 1 udp 1 192.0.2.1 5 typ prflx")->type,
              CandidateType::PeerReflexive);
}

TEST(Candidate, ReportsMulticastDnsNames) {
    const auto candidate = decode_candidate(
        "candidate:1 1 udp 2113937151 3f2b0a4c-9a5e-4e2c-8f5d-0a1b2c3d4e5f.local 51000 typ host");
    ASSERT_TRUE(candidate) << candidate.error().message;
    EXPECT_TRUE(candidate->is_name());
    EXPECT_TRUE(candidate->is_mdns());
    EXPECT_TRUE(candidate->address.is_unspecified());
    EXPECT_TRUE(check_candidate(*candidate));
    EXPECT_FALSE(decode_candidate("candidate:1 1 udp 1 turn.example.org 5 typ host")->is_mdns());
}

struct BadLine {
    const char* name;
    const char* line;
    Errc want = Errc::Malformed;

    friend std::ostream& operator<<(std::ostream& out, const BadLine& row) {
        return out << row.name;
    }
};

class BadCandidate : public testing::TestWithParam<BadLine> {};

TEST_P(BadCandidate, IsRejected) {
    const auto candidate = decode_candidate(GetParam().line);
    ASSERT_FALSE(candidate);
    EXPECT_EQ(candidate.error().code, GetParam().want) << candidate.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadCandidate,
    testing::Values(
        BadLine{"Empty", ""}, BadLine{"OtherAttribute", "a=mid:0"},
        BadLine{"NoFoundation", "candidate: 1 udp 1 192.0.2.1 5 typ host"},
        BadLine{"BadFoundation", "candidate:a-b 1 udp 1 192.0.2.1 5 typ host"},
        BadLine{"LongFoundation",
                "candidate:123456789012345678901234567890123 1 udp 1 192.0.2.1 5 typ host"},
        BadLine{"ComponentZero", "candidate:1 0 udp 1 192.0.2.1 5 typ host"},
        BadLine{"ComponentTwo", "candidate:1 2 udp 1 192.0.2.1 5 typ host", Errc::Unsupported},
        BadLine{"UnknownTransport", "candidate:1 1 sctp 1 192.0.2.1 5 typ host", Errc::Unsupported},
        BadLine{"UnknownType", "candidate:1 1 udp 1 192.0.2.1 5 typ mapped", Errc::Unsupported},
        BadLine{"PriorityZero", "candidate:1 1 udp 0 192.0.2.1 5 typ host"},
        BadLine{"PriorityTooHigh", "candidate:1 1 udp 2147483648 192.0.2.1 5 typ host"},
        BadLine{"PriorityNegative", "candidate:1 1 udp -1 192.0.2.1 5 typ host"},
        BadLine{"PortZero", "candidate:1 1 udp 1 192.0.2.1 0 typ host"},
        BadLine{"PortTooHigh", "candidate:1 1 udp 1 192.0.2.1 65536 typ host"},
        BadLine{"AddressWithZone", "candidate:1 1 udp 1 fe80::1%2 5 typ host", Errc::Unsupported},
        BadLine{"AddressWithNamedZone", "candidate:1 1 udp 1 fe80::1%wlan0 5 typ host",
                Errc::Unsupported},
        BadLine{"ZoneOfIpv4", "candidate:1 1 udp 1 192.0.2.1%2 5 typ host"},
        BadLine{"ZoneOfAName", "candidate:1 1 udp 1 a.local%2 5 typ host"},
        BadLine{"AddressOutOfRange", "candidate:1 1 udp 1 192.0.2.256 5 typ host"},
        BadLine{"NoType", "candidate:1 1 udp 1 192.0.2.1 5"},
        BadLine{"NoTypeValue", "candidate:1 1 udp 1 192.0.2.1 5 typ"},
        BadLine{"TwoSpaces", "candidate:1 1 udp 1  192.0.2.1 5 typ host"},
        BadLine{"ExtensionWithoutValue", "candidate:1 1 udp 1 192.0.2.1 5 typ host generation"},
        BadLine{"BadRelatedPort",
                "candidate:1 1 udp 1 192.0.2.1 5 typ srflx raddr 1.2.3.4 rport x"},
        BadLine{"ComponentTooHigh", "candidate:1 257 udp 1 192.0.2.1 5 typ host"},
        BadLine{"PriorityOverflow", "candidate:1 1 udp 4294967296 192.0.2.1 5 typ host"},
        BadLine{"PortNegative", "candidate:1 1 udp 1 192.0.2.1 -5 typ host"},
        BadLine{"ControlCharacterInType", "candidate:1 1 udp 1 192.0.2.1 5 typ ho\x1bst"},
        BadLine{"ControlCharacterInName", "candidate:1 1 udp 1 a\tb.local 5 typ host"},
        BadLine{"ControlCharacterInExtension",
                "candidate:1 1 udp 1 192.0.2.1 5 typ host generation \x07"},
        BadLine{"LineEndInExtension", "candidate:1 1 udp 1 192.0.2.1 5 typ host a b\r\na=x"},
        BadLine{"NameThatIsNone", "candidate:1 1 udp 1 ..local 5 typ host"},
        BadLine{"NameWithASlash", "candidate:1 1 udp 1 a/b.local 5 typ host"},
        BadLine{"TcpWithoutType", "candidate:1 1 tcp 1 192.0.2.1 9 typ host"},
        BadLine{"TcpWithBadType", "candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype both"},
        BadLine{"UdpWithTcpType", "candidate:1 1 udp 1 192.0.2.1 9 typ host tcptype so"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Candidate, RejectsEveryTruncationInsideItsMandatoryPart) {
    const std::string line = "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host";
    for (std::size_t length = 0; length < line.size(); ++length) {
        EXPECT_FALSE(decode_candidate(line.substr(0, length))) << line.substr(0, length);
    }
}

TEST(Candidate, TakesTheExtremesOfEveryNumber) {
    for (const auto* const line :
         {"candidate:1 1 udp 1 192.0.2.1 1 typ host",
          "candidate:12345678901234567890123456789012 1 udp 2147483647 192.0.2.1 65535 typ host"}) {
        EXPECT_TRUE(decode_candidate(line)) << line;
    }
}

TEST(Candidate, RejectsANulAnywhere) {
    const std::string line = "candidate:1 1 udp 1 192.0.2.1 5 typ host generation 0";
    for (std::size_t at = 0; at <= line.size(); ++at) {
        auto text = line;
        text.insert(at, 1, '\0');
        EXPECT_FALSE(decode_candidate(text)) << at;
    }
}

TEST(Candidate, RejectsMoreExtensionsThanAnybodySends) {
    std::string line = "candidate:1 1 udp 1 192.0.2.1 5 typ host";
    for (int i = 0; i < 16; ++i) line += " name value";
    EXPECT_TRUE(decode_candidate(line));
    EXPECT_EQ(decode_candidate(line + " name value").error().code, Errc::Malformed);
}

TEST(Candidate, RejectsAnEndlessLine) {
    const auto line = "candidate:1 1 udp 1 192.0.2.1 5 typ host x " + std::string(2000, 'y');
    EXPECT_EQ(decode_candidate(line).error().code, Errc::TooLarge);
}

TEST(CandidateCheck, RefusesAddressesWhereNoPeerCanBe) {
    for (const auto* const address : {"127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1",
                                      "255.255.255.255", "::ffff:127.0.0.1"}) {
        const auto candidate =
            decode_candidate("candidate:1 1 udp 1 " + std::string(address) + " 5 typ host");
        ASSERT_TRUE(candidate) << address;
        const auto checked = check_candidate(*candidate);
        ASSERT_FALSE(checked) << address;
        EXPECT_EQ(checked.error().code, Errc::Unsafe);
    }
}

TEST(CandidateCheck, LetsLoopbackThroughWhenAsked) {
    const auto candidate = decode_candidate("candidate:1 1 udp 1 127.0.0.1 5 typ host");
    EXPECT_TRUE(check_candidate(*candidate, {.allow_loopback = true}));
    EXPECT_TRUE(check_candidate(*decode_candidate("candidate:1 1 udp 1 10.0.0.1 5 typ host")));
}

} // namespace
} // namespace natterjack::sdp
