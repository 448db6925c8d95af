// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "wire/sdp.hpp"

namespace natterjack::sdp {
namespace {

constexpr const char* kFingerprintText =
    "0F:74:31:25:CB:A2:13:EC:28:6F:6D:2C:61:FF:5D:C2:BC:B9:DB:3D:98:14:8D:1A:BB:EA:33:0C:A4:60:A8:"
    "8E";

// createOffer() of Chrome 120 with one data channel, one candidate gathered.
std::string chrome_offer() {
    return std::string("v=0\r\n"
                       "o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n"
                       "s=-\r\n"
                       "t=0 0\r\n"
                       "a=group:BUNDLE 0\r\n"
                       "a=extmap-allow-mixed\r\n"
                       "a=msid-semantic: WMS\r\n"
                       "m=application 45664 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                       "c=IN IP4 198.51.100.7\r\n"
                       "a=candidate:842163049 1 udp 1677729535 198.51.100.7 45664 typ srflx raddr "
                       "0.0.0.0 rport 0 generation 0 network-cost 999\r\n"
                       "a=ice-ufrag:EsAw\r\n"
                       "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
                       "a=ice-options:trickle\r\n"
                       "a=fingerprint:sha-256 ") +
           kFingerprintText +
           "\r\n"
           "a=setup:actpass\r\n"
           "a=mid:0\r\n"
           "a=sctp-port:5000\r\n"
           "a=max-message-size:262144\r\n";
}

// createOffer() of Firefox 121: fingerprint and options stand at session level.
std::string firefox_offer() {
    return std::string("v=0\r\n"
                       "o=mozilla...THIS_IS_SDPARTA-99.0 7434466 0 IN IP4 0.0.0.0\r\n"
                       "s=-\r\n"
                       "t=0 0\r\n"
                       "a=sendrecv\r\n"
                       "a=fingerprint:sha-256 ") +
           kFingerprintText +
           "\r\n"
           "a=group:BUNDLE 0\r\n"
           "a=ice-options:trickle\r\n"
           "a=msid-semantic:WMS *\r\n"
           "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
           "c=IN IP4 0.0.0.0\r\n"
           "a=sendrecv\r\n"
           "a=ice-pwd:3fa1ff6e0ae2bd6eb0a9ce1d8c2a5c1d\r\n"
           "a=ice-ufrag:9bdc1d3c\r\n"
           "a=mid:0\r\n"
           "a=setup:actpass\r\n"
           "a=sctp-port:5000\r\n"
           "a=max-message-size:1073741823\r\n";
}

// Replaces the one place where \a what stands.
std::string with(std::string text, std::string_view what, std::string_view instead) {
    const auto place = text.find(what);
    EXPECT_NE(place, std::string::npos) << what;
    return text.replace(place, what.size(), instead);
}

Description sample() {
    Description out;
    out.session_id = 4611731400430051336;
    out.version = 2;
    out.ufrag = "EsAw";
    out.password = "P2uYro0UCOQ4zxjKXaWCBui1";
    Fingerprint fingerprint{};
    for (std::size_t i = 0; i < fingerprint.size(); ++i) {
        fingerprint[i] = static_cast<std::uint8_t>(7 * i);
    }
    out.fingerprints = {fingerprint};
    return out;
}

TEST(Sdp, ReadsAnOfferOfChrome) {
    const auto offer = decode_description(chrome_offer(), Kind::Offer);
    ASSERT_TRUE(offer) << offer.error().message;
    EXPECT_EQ(offer->session_id, 4611731400430051336U);
    EXPECT_EQ(offer->ufrag, "EsAw");
    EXPECT_EQ(offer->password, "P2uYro0UCOQ4zxjKXaWCBui1");
    EXPECT_TRUE(offer->trickle);
    ASSERT_EQ(offer->fingerprints.size(), 1U);
    EXPECT_EQ(to_string(offer->fingerprints[0]), kFingerprintText);
    EXPECT_EQ(offer->setup, Setup::ActPass);
    EXPECT_EQ(offer->mid, "0");
    EXPECT_EQ(offer->sctp_port, 5000);
    EXPECT_EQ(offer->max_message_size, 262144U);
    ASSERT_EQ(offer->candidates.size(), 1U);
    EXPECT_EQ(offer->candidates[0].port, 45664);
    EXPECT_FALSE(offer->end_of_candidates);
}

TEST(Sdp, ReadsAnOfferOfFirefox) {
    const auto offer = decode_description(firefox_offer(), Kind::Offer);
    ASSERT_TRUE(offer) << offer.error().message;
    EXPECT_EQ(offer->ufrag, "9bdc1d3c");
    EXPECT_TRUE(offer->trickle);
    ASSERT_EQ(offer->fingerprints.size(), 1U);
    EXPECT_EQ(offer->max_message_size, 1073741823U);
}

TEST(Sdp, WritesWhatABrowserReads) {
    auto offer = sample();
    EXPECT_EQ(encode(offer), "v=0\r\n"
                             "o=- 4611731400430051336 2 IN IP4 0.0.0.0\r\n"
                             "s=-\r\n"
                             "t=0 0\r\n"
                             "a=group:BUNDLE 0\r\n"
                             "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                             "c=IN IP4 0.0.0.0\r\n"
                             "a=ice-ufrag:EsAw\r\n"
                             "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
                             "a=ice-options:trickle\r\n"
                             "a=fingerprint:sha-256 " +
                                 to_string(offer.fingerprints[0]) +
                                 "\r\n"
                                 "a=setup:actpass\r\n"
                                 "a=mid:0\r\n"
                                 "a=sctp-port:5000\r\n"
                                 "a=max-message-size:262144\r\n");
}

TEST(Sdp, RoundTripsEveryField) {
    auto answer = sample();
    answer.kind = Kind::Answer;
    answer.mid = "data";
    answer.trickle = false;
    answer.ice_lite = true;
    answer.fingerprints.push_back(answer.fingerprints[0]);
    answer.setup = Setup::Passive;
    answer.sctp_port = 6000;
    answer.max_message_size = 0;
    answer.candidates = {*decode_candidate("candidate:1 1 udp 9 2001:db8::7 5 typ host"),
                         *decode_candidate("candidate:2 1 tcp 9 192.0.2.1 9 typ host tcptype so"),
                         *decode_candidate("candidate:3 1 udp 9 192.0.2.7 6 typ host")};
    answer.end_of_candidates = true;
    answer.line_index = 1;
    answer.other_media = {{"audio", "UDP/TLS/RTP/SAVPF", "111 63", "0"},
                          {"video", "UDP/TLS/RTP/SAVPF", "96", "2"}};
    const auto text = encode(answer);
    EXPECT_NE(text.find("m=application 6 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 192.0.2.7"),
              std::string::npos)
        << text;
    const auto again = decode_description(text, Kind::Answer);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, answer);
}

TEST(Sdp, AnswersWithTheOffersMediaTurnedDown) {
    const auto text = with(chrome_offer(), "m=application",
                           "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a\r\n"
                           "a=rtpmap:111 opus/48000/2\r\nm=application");
    const auto offer = decode_description(text, Kind::Offer);
    ASSERT_TRUE(offer) << offer.error().message;
    EXPECT_EQ(offer->line_index, 1U);
    auto answer = answer_to(*offer);
    EXPECT_EQ(answer.setup, Setup::Active);
    answer.ufrag = offer->ufrag;
    answer.password = offer->password;
    answer.fingerprints = offer->fingerprints;
    const auto written = encode(answer);
    const auto audio = written.find("m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n");
    const auto application = written.find("m=application 9 ");
    ASSERT_NE(audio, std::string::npos) << written;
    EXPECT_LT(audio, application);
    EXPECT_NE(written.find("a=group:BUNDLE 0\r\n"), std::string::npos);
    EXPECT_TRUE(decode_description(written, Kind::Answer));
}

TEST(Sdp, TakesTheTransportOfTheBundlesFirstLine) {
    auto text = with(chrome_offer(), "a=group:BUNDLE 0", "a=group:BUNDLE a 0");
    const auto begin = text.find("m=application");
    const auto transport =
        text.substr(text.find("a=candidate"), text.find("a=mid:0") - text.find("a=candidate"));
    text = text.substr(0, begin) + "m=audio 45664 UDP/TLS/RTP/SAVPF 111\r\na=mid:a\r\n" +
           transport +
           "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=bundle-only\r\na=mid:0\r\n"
           "a=sctp-port:5000\r\n";
    const auto offer = decode_description(text, Kind::Offer);
    ASSERT_TRUE(offer) << offer.error().message;
    EXPECT_EQ(offer->ufrag, "EsAw");
    EXPECT_EQ(offer->candidates.size(), 1U);
    EXPECT_EQ(offer->max_message_size, 65536U);
}

TEST(Sdp, ToleratesBareLineFeedsAndUnknownAttributes) {
    auto text =
        with(chrome_offer(), "a=mid:0", "a=whatever\r\na=new:thing x\r\nb=AS:30\r\na=mid:0");
    std::erase(text, '\r');
    EXPECT_TRUE(decode_description(text, Kind::Offer));
}

TEST(Sdp, LeavesOutCandidatesOfUnknownKinds) {
    const auto text = with(chrome_offer(), "a=candidate",
                           "a=candidate:1 2 udp 1 192.0.2.1 5 typ host\r\na=candidate");
    EXPECT_EQ(decode_description(text, Kind::Offer)->candidates.size(), 1U);
}

struct BadDescription {
    const char* name;
    const char* what;
    const char* instead;
    Errc want = Errc::Malformed;

    friend std::ostream& operator<<(std::ostream& out, const BadDescription& row) {
        return out << row.name;
    }
};

class BadSdp : public testing::TestWithParam<BadDescription> {};

TEST_P(BadSdp, IsRejected) {
    const auto text = with(chrome_offer(), GetParam().what, GetParam().instead);
    const auto offer = decode_description(text, Kind::Offer);
    ASSERT_FALSE(offer);
    EXPECT_EQ(offer.error().code, GetParam().want) << offer.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadSdp,
    testing::Values(
        BadDescription{"Version", "v=0", "v=1"},
        BadDescription{"NoOrigin", "o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n", ""},
        BadDescription{"BadOrigin", "o=- 4", "o=- x"}, BadDescription{"NotALine", "s=-", "s"},
        BadDescription{"NoDataChannel", "m=application", "m=audio", Errc::Unsupported},
        BadDescription{"OldSctpSyntax", "UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000",
                       Errc::Unsupported},
        BadDescription{"TurnedDown", "m=application 45664", "m=application 0", Errc::Refused},
        BadDescription{"BadPort", "m=application 45664", "m=application 65536"},
        BadDescription{"NoUfrag", "a=ice-ufrag:EsAw\r\n", ""},
        BadDescription{"ShortUfrag", "a=ice-ufrag:EsAw", "a=ice-ufrag:EsA"},
        BadDescription{"BadUfrag", "a=ice-ufrag:EsAw", "a=ice-ufrag:Es w"},
        BadDescription{"NoPassword", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n", ""},
        BadDescription{"ShortPassword", "a=ice-pwd:P2uY", "a=ice-pwd:P"},
        BadDescription{"NoFingerprint", "a=fingerprint:sha-256", "a=x:"},
        BadDescription{"OtherHash", "a=fingerprint:sha-256", "a=fingerprint:sha-512",
                       Errc::Unsupported},
        BadDescription{"ShortFingerprint", "0F:74:", "74:"},
        BadDescription{"BadFingerprint", "0F:74:", "0G:74:"},
        BadDescription{"NoSetup", "a=setup:actpass\r\n", ""},
        BadDescription{"HeldSetup", "a=setup:actpass", "a=setup:holdconn"},
        BadDescription{"NoSctpPort", "a=sctp-port:5000\r\n", ""},
        BadDescription{"SctpPortZero", "a=sctp-port:5000", "a=sctp-port:0"},
        BadDescription{"BadMaxMessageSize", "a=max-message-size:2", "a=max-message-size:-2"},
        BadDescription{"BadCandidate", "udp 1677729535", "udp 0"},
        BadDescription{"BadMid", "a=mid:0", "a=mid:"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Sdp, RefusesAnAnswerThatDoesNotChooseItsRole) {
    EXPECT_EQ(decode_description(chrome_offer(), Kind::Answer).error().code, Errc::Malformed);
}

TEST(Sdp, RejectsEveryTruncationWithoutHarm) {
    const auto text = chrome_offer();
    // The last line may go: max-message-size has a default.
    const auto whole = text.find("a=sctp-port:5") + std::string("a=sctp-port:5").size();
    for (std::size_t length = 0; length < whole; ++length) {
        EXPECT_FALSE(decode_description(text.substr(0, length), Kind::Offer)) << length;
    }
}

TEST(Sdp, IsBounded) {
    std::string many;
    for (std::size_t i = 0; i <= kMaxCandidates; ++i) {
        many += "a=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\n";
    }
    const auto code = [](const std::string& text) {
        const auto result = decode_description(text, Kind::Offer);
        return result ? Errc::Cancelled : result.error().code;
    };
    EXPECT_EQ(code(chrome_offer() + many), Errc::TooLarge);
    EXPECT_EQ(code(chrome_offer() + "a=" + std::string(kMaxLine, 'x')), Errc::TooLarge);
    std::string sections;
    for (std::size_t i = 0; i < kMaxSections; ++i) sections += "m=audio 9 RTP 0\r\n";
    EXPECT_EQ(code(chrome_offer() + sections), Errc::TooLarge);
    std::string fingerprints;
    for (std::size_t i = 0; i < kMaxFingerprints; ++i) {
        fingerprints += std::string("a=fingerprint:sha-256 ") + kFingerprintText + "\r\n";
    }
    EXPECT_EQ(code(chrome_offer() + fingerprints), Errc::TooLarge);
    EXPECT_EQ(code(std::string(kMaxDescription + 1, 'x')), Errc::TooLarge);
}

} // namespace
} // namespace natterjack::sdp
