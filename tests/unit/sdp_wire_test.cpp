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

Fingerprint fingerprint_by(Hash hash) {
    Fingerprint out{hash, {}};
    for (std::size_t i = 0; i < digest_size(hash); ++i) {
        out.digest.push_back(static_cast<std::uint8_t>(3 * i));
    }
    return out;
}

// libdatachannel's offer: commas between options, a user's name in the o-line, all gathered.
std::string libdatachannel_offer() {
    return std::string("v=0\r\n"
                       "o=rtc 2889486505 0 IN IP4 127.0.0.1\r\n"
                       "s=-\r\n"
                       "t=0 0\r\n"
                       "a=group:BUNDLE 0\r\n"
                       "a=group:LS 0\r\n"
                       "a=msid-semantic:WMS *\r\n"
                       "a=ice-options:ice2,trickle\r\n"
                       "a=fingerprint:sha-256 ") +
           kFingerprintText +
           "\r\n"
           "m=application 61022 UDP/DTLS/SCTP webrtc-datachannel\r\n"
           "c=IN IP4 192.0.2.33\r\n"
           "a=mid:0\r\n"
           "a=sendrecv\r\n"
           "a=sctp-port:5000\r\n"
           "a=max-message-size:262144\r\n"
           "a=setup:actpass\r\n"
           "a=ice-ufrag:jK3p\r\n"
           "a=ice-pwd:o3Xw8dPqL9vTzKf2Rb7YcN\r\n"
           "a=candidate:1 1 UDP 2122317823 192.0.2.33 61022 typ host\r\n"
           "a=candidate:2 1 UDP 1686109695 203.0.113.9 61022 typ srflx raddr 0.0.0.0 rport 0\r\n"
           "a=end-of-candidates\r\n";
}

// aiortc 1.4's offer: the old syntax of the m-line, no trickling, several hashes (from 1.9 on).
std::string aiortc_offer() {
    return std::string("v=0\r\n"
                       "o=- 3973075200 3973075200 IN IP4 0.0.0.0\r\n"
                       "s=-\r\n"
                       "t=0 0\r\n"
                       "a=group:BUNDLE 0\r\n"
                       "a=msid-semantic:WMS *\r\n"
                       "m=application 40217 DTLS/SCTP 5000\r\n"
                       "c=IN IP4 192.0.2.8\r\n"
                       "a=mid:0\r\n"
                       "a=sctpmap:5000 webrtc-datachannel 65535\r\n"
                       "a=max-message-size:65536\r\n"
                       "a=candidate:3f1c5b0d6f4a4f0f9a3c2d1e0b9a8877 1 udp 2130706431 192.0.2.8 "
                       "40217 typ host\r\n"
                       "a=end-of-candidates\r\n"
                       "a=ice-ufrag:Wq2r\r\n"
                       "a=ice-pwd:0rT9bX4hQe7KmZs1VnC6Ya\r\n"
                       "a=fingerprint:sha-256 ") +
           kFingerprintText + "\r\na=fingerprint:" + to_string(fingerprint_by(Hash::Sha384)) +
           "\r\na=fingerprint:" + to_string(fingerprint_by(Hash::Sha512)) +
           "\r\na=setup:actpass\r\n";
}

// Pion's offer: fingerprint at session level, candidates twice (it lists both components), no
// size of messages.
std::string pion_offer() {
    return std::string("v=0\r\n"
                       "o=- 6230671830721529405 1700000000 IN IP4 0.0.0.0\r\n"
                       "s=-\r\n"
                       "t=0 0\r\n"
                       "a=fingerprint:sha-256 ") +
           kFingerprintText +
           "\r\n"
           "a=extmap-allow-mixed\r\n"
           "a=group:BUNDLE 0\r\n"
           "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
           "c=IN IP4 0.0.0.0\r\n"
           "a=setup:actpass\r\n"
           "a=mid:0\r\n"
           "a=sendrecv\r\n"
           "a=sctp-port:5000\r\n"
           "a=ice-ufrag:kzQmLcTfWbNvRxYp\r\n"
           "a=ice-pwd:hGfDsAqWeRtYuIoPlKjHgFdSaZxCvBnM\r\n"
           "a=candidate:3350409123 1 udp 2130706431 192.0.2.12 51312 typ host\r\n"
           "a=candidate:3350409123 2 udp 2130706431 192.0.2.12 51312 typ host\r\n"
           "a=candidate:233762139 1 tcp 1671430143 192.0.2.12 9000 typ host tcptype passive\r\n"
           "a=end-of-candidates\r\n";
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
    out.fingerprints = {fingerprint_by(Hash::Sha256)};
    return out;
}

// Replaces the one place where \a what stands by nothing.
std::string without(std::string text, std::string_view what) {
    return with(std::move(text), what, "");
}

// Our answer, with what the caller of answer_to() fills in.
std::string answer_text(const Description& offer) {
    auto answer = answer_to(offer);
    const auto own = sample();
    answer.session_id = own.session_id;
    answer.version = 1;
    answer.ufrag = own.ufrag;
    answer.password = own.password;
    answer.fingerprints = own.fingerprints;
    return encode(answer);
}

TEST(Sdp, ReadsAnOfferOfChrome) {
    const auto offer = decode_description(chrome_offer(), Kind::Offer);
    ASSERT_TRUE(offer) << offer.error().message;
    EXPECT_EQ(offer->session_id, 4611731400430051336U);
    EXPECT_EQ(offer->ufrag, "EsAw");
    EXPECT_EQ(offer->password, "P2uYro0UCOQ4zxjKXaWCBui1");
    EXPECT_TRUE(offer->trickle);
    ASSERT_EQ(offer->fingerprints.size(), 1U);
    EXPECT_EQ(to_string(offer->fingerprints[0]), std::string("sha-256 ") + kFingerprintText);
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
                             "a=ice-options:trickle\r\n"
                             "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                             "c=IN IP4 0.0.0.0\r\n"
                             "a=ice-ufrag:EsAw\r\n"
                             "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
                             "a=fingerprint:" +
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
    answer.fingerprints.push_back(fingerprint_by(Hash::Sha384));
    answer.fingerprints.push_back(fingerprint_by(Hash::Sha512));
    answer.setup = Setup::Passive;
    answer.tls_id = "abcdefghij0123456789+/-_";
    answer.protocol = Protocol::TcpDtlsSctp;
    answer.bundle = false;
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
    EXPECT_NE(text.find("m=application 6 TCP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 192.0.2.7"),
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
    EXPECT_EQ(answer_to(*offer).setup, Setup::Active);
    const auto written = answer_text(*offer);
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

// An answer as RFC 8829 section 5.3.1 wants it for this offer, whoever made it.
void expect_valid_answer(const std::string& offer_text) {
    const auto offer = decode_description(offer_text, Kind::Offer);
    ASSERT_TRUE(offer) << offer.error().message << "\n" << offer_text;
    const auto text = answer_text(*offer);
    const auto answer = decode_description(text, Kind::Answer);
    ASSERT_TRUE(answer) << answer.error().message << "\n" << text;
    EXPECT_EQ(answer->setup, Setup::Active);
    EXPECT_EQ(answer->mid, offer->mid);
    EXPECT_EQ(answer->protocol, offer->protocol);
    EXPECT_EQ(answer->line_index, offer->line_index);
    EXPECT_EQ(answer->other_media.size(), offer->other_media.size());
    EXPECT_EQ(answer->trickle, offer->trickle);
    const bool group_offered = offer_text.find("a=group:BUNDLE") != std::string::npos;
    EXPECT_EQ(text.find("a=group:BUNDLE") != std::string::npos, group_offered) << text;
    for (const auto* const forbidden : {"a=bundle-only", "a=ice-lite", "a=crypto", "a=key-mgmt"}) {
        EXPECT_EQ(text.find(forbidden), std::string::npos) << text;
    }
}

TEST(Sdp, AnswersEveryImplementationsOffer) {
    for (const auto& offer :
         {chrome_offer(), firefox_offer(), libdatachannel_offer(), aiortc_offer(), pion_offer()}) {
        expect_valid_answer(offer);
    }
}

TEST(Sdp, ReadsAnOfferOfLibdatachannel) {
    const auto offer = decode_description(libdatachannel_offer(), Kind::Offer);
    ASSERT_TRUE(offer) << offer.error().message;
    EXPECT_TRUE(offer->trickle) << "options separated by a comma";
    EXPECT_TRUE(offer->end_of_candidates);
    EXPECT_EQ(offer->candidates.size(), 2U);
    EXPECT_EQ(offer->session_id, 2889486505U);
}

TEST(Sdp, ReadsAnOfferOfAiortc) {
    const auto offer = decode_description(aiortc_offer(), Kind::Offer);
    ASSERT_TRUE(offer) << offer.error().message;
    EXPECT_EQ(offer->protocol, Protocol::DtlsSctp);
    EXPECT_EQ(offer->sctp_port, 5000);
    EXPECT_EQ(offer->max_message_size, 65536U);
    EXPECT_FALSE(offer->trickle);
    ASSERT_EQ(offer->fingerprints.size(), 3U);
    EXPECT_EQ(offer->fingerprints[2], fingerprint_by(Hash::Sha512));
}

TEST(Sdp, AnswersTheOldSyntaxInTheOldSyntax) {
    const auto text = answer_text(*decode_description(aiortc_offer(), Kind::Offer));
    EXPECT_NE(text.find("m=application 9 DTLS/SCTP 5000\r\n"), std::string::npos) << text;
    EXPECT_NE(text.find("a=sctpmap:5000 webrtc-datachannel 1024\r\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("a=sctp-port"), std::string::npos) << text;
}

TEST(Sdp, ReadsAnOfferOfPion) {
    const auto offer = decode_description(pion_offer(), Kind::Offer);
    ASSERT_TRUE(offer) << offer.error().message;
    EXPECT_EQ(offer->candidates.size(), 2U) << "component 2 is left out";
    EXPECT_EQ(offer->max_message_size, 65536U) << "RFC 8841 section 6.1: absent";
}

TEST(Sdp, LeavesCandidatesOutThatMeanNothingHere) {
    const auto offer = decode_description(
        chrome_offer() +
            "a=candidate:1 1 udp 2122194687 fe80::1c2a:9ff:fe31:20%eth0 50001 typ host\r\n"
            "a=candidate:2 1 ssltcp 1 192.0.2.1 443 typ host\r\n"
            "a=candidate:3 2 udp 2122194686 192.0.2.1 50002 typ host\r\n",
        Kind::Offer);
    ASSERT_TRUE(offer) << offer.error().message;
    EXPECT_EQ(offer->candidates.size(), 1U);
}

TEST(Sdp, AnswersWithTheOffersProtocol) {
    const auto text = with(chrome_offer(), "UDP/DTLS/SCTP", "TCP/DTLS/SCTP");
    const auto answer = answer_text(*decode_description(text, Kind::Offer));
    EXPECT_NE(answer.find("m=application 9 TCP/DTLS/SCTP webrtc-datachannel\r\n"),
              std::string::npos)
        << answer;
}

TEST(Sdp, AnswersNoGroupThatWasNotOffered) {
    expect_valid_answer(without(chrome_offer(), "a=group:BUNDLE 0\r\n"));
    expect_valid_answer(with(chrome_offer(), "a=group:BUNDLE 0", "a=group:LS 0"));
}

TEST(Sdp, AnswersAnOfferWithoutMid) {
    auto text = without(without(chrome_offer(), "a=group:BUNDLE 0\r\n"), "a=mid:0\r\n");
    expect_valid_answer(text);
    const auto answer = answer_text(*decode_description(text, Kind::Offer));
    EXPECT_EQ(answer.find("a=mid"), std::string::npos) << answer;
}

TEST(Sdp, ReadsAnAnswerWithoutMidAndGroup) {
    auto text = with(chrome_offer(), "actpass", "passive");
    text = without(without(text, "a=group:BUNDLE 0\r\n"), "a=mid:0\r\n");
    const auto answer = decode_description(text, Kind::Answer);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->mid, "");
    EXPECT_FALSE(answer->bundle);
}

TEST(Sdp, AnswersAnOfferThatChoseItsRole) {
    // RFC 8842 section 5.3: initial offers that are not actpass, from older implementations.
    const auto role = [](const char* offered) {
        const auto text = with(chrome_offer(), "actpass", offered);
        return answer_to(*decode_description(text, Kind::Offer)).setup;
    };
    EXPECT_EQ(role("active"), Setup::Passive);
    EXPECT_EQ(role("passive"), Setup::Active);
}

TEST(Sdp, TurnsDownOtherMediaInTheirPlaces) {
    auto text = with(chrome_offer(), "a=group:BUNDLE 0", "a=group:BUNDLE 0 a v");
    text = with(text, "m=application",
                "m=audio 9 UDP/TLS/RTP/SAVPF 111 9\r\na=mid:a\r\na=ice-ufrag:EsAw\r\n"
                "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=setup:actpass\r\n"
                "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=bundle-only\r\na=mid:v\r\n"
                "m=application");
    text += "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:b\r\n";
    expect_valid_answer(text);
    const auto answer = answer_text(*decode_description(text, Kind::Offer));
    std::vector<std::string> lines;
    for (std::size_t at = answer.find("m="); at != std::string::npos;
         at = answer.find("\r\nm=", at + 1)) {
        const auto begin = answer.find("m=", at);
        lines.push_back(answer.substr(begin, answer.find("\r\n", begin) - begin));
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"m=audio 0 UDP/TLS/RTP/SAVPF 111 9",
                                               "m=video 0 UDP/TLS/RTP/SAVPF 96",
                                               "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
                                               "m=audio 0 UDP/TLS/RTP/SAVPF 0"}));
    EXPECT_NE(answer.find("a=group:BUNDLE 0\r\n"), std::string::npos)
        << "mids that were turned down are in no group: " << answer;
}

// RFC 9143 section 7.3.3: turned down, the first m-line of a group takes the group with it.
// Chromium and Firefox with bundlePolicy "max-bundle" have no other transport.
TEST(Sdp, KeepsTheMediaWhoseTransportTheDataChannelShares) {
    auto text = with(chrome_offer(), "a=group:BUNDLE 0", "a=group:BUNDLE v a 0");
    text = with(text, "m=application",
                "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\n"
                "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=ice-ufrag:EsAw\r\n"
                "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=setup:actpass\r\na=mid:v\r\n"
                "a=rtcp-mux\r\na=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack\r\n"
                "a=fmtp:96 packetization-mode=1\r\na=rtpmap:97 rtx/90000\r\n"
                "a=fmtp:97 apt=96\r\nm=application");
    expect_valid_answer(text);
    const auto answer = answer_text(*decode_description(text, Kind::Offer));
    EXPECT_NE(answer.find("a=group:BUNDLE v 0\r\n"), std::string::npos) << answer;
    EXPECT_NE(answer.find("m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n"), std::string::npos) << answer;
    const auto at = answer.find("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n");
    ASSERT_NE(at, std::string::npos) << answer;
    const auto kept = answer.substr(at, answer.find("m=application") - at);
    for (const auto* const line :
         {"a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:active\r\n", "a=mid:v\r\n",
          "a=inactive\r\n", "a=rtcp-mux\r\n", "a=rtpmap:96 H264/90000\r\n",
          "a=fmtp:96 packetization-mode=1\r\n"}) {
        EXPECT_NE(kept.find(line), std::string::npos) << line << kept;
    }
    EXPECT_EQ(kept.find("97 rtx"), std::string::npos) << kept;
    // In the peer's answer to a later offer of ours it stands as we wrote it.
    EXPECT_TRUE(decode_description(answer, Kind::Answer)->other_media[1].carries_bundle);
}

TEST(Sdp, TurnsDownTheMediaOfAGroupThatIsNotTheDataChannels) {
    auto text = with(chrome_offer(), "a=group:BUNDLE 0", "a=group:BUNDLE a");
    text = with(text, "m=application", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\nm=application");
    const auto answer = answer_text(*decode_description(text, Kind::Offer));
    EXPECT_NE(answer.find("m=audio 0 "), std::string::npos) << answer;
    EXPECT_EQ(answer.find("a=group"), std::string::npos) << answer;
}

TEST(Sdp, TakesCredentialsFromTheSessionsLevel) {
    auto text = without(chrome_offer(), "a=ice-ufrag:EsAw\r\n");
    text = without(text, "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n");
    text = without(text, "a=setup:actpass\r\n");
    text = with(text, "a=group",
                "a=ice-ufrag:atSessionLevel\r\na=setup:actpass\r\n"
                "a=ice-pwd:0123456789012345678901\r\na=group");
    const auto offer = decode_description(text, Kind::Offer);
    ASSERT_TRUE(offer) << offer.error().message;
    EXPECT_EQ(offer->ufrag, "atSessionLevel");
    EXPECT_EQ(offer->password, "0123456789012345678901");
}

TEST(Sdp, TakesCredentialsOfEveryLawfulLength) {
    for (const std::size_t length : {4U, 256U}) {
        const auto text =
            with(chrome_offer(), "a=ice-ufrag:EsAw", "a=ice-ufrag:" + std::string(length, 'u'));
        EXPECT_TRUE(decode_description(text, Kind::Offer)) << length;
    }
    for (const std::size_t length : {22U, 256U}) {
        const auto text = with(chrome_offer(), "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1",
                               "a=ice-pwd:" + std::string(length, 'p'));
        EXPECT_TRUE(decode_description(text, Kind::Offer)) << length;
    }
}

TEST(Sdp, ReadsIceLiteAtTheSessionsLevelAndNeverWritesIt) {
    auto lite =
        decode_description(with(chrome_offer(), "a=group", "a=ice-lite\r\na=group"), Kind::Offer);
    ASSERT_TRUE(lite) << lite.error().message;
    EXPECT_TRUE(lite->ice_lite);
    EXPECT_EQ(encode(*lite).find("ice-lite"), std::string::npos);
    EXPECT_FALSE(
        decode_description(with(chrome_offer(), "a=mid", "a=ice-lite\r\na=mid"), Kind::Offer)
            ->ice_lite);
}

TEST(Sdp, ReadsIceOptionsAtEitherLevel) {
    const auto trickles = [](const std::string& text) {
        const auto offer = decode_description(text, Kind::Offer);
        return offer && offer->trickle;
    };
    EXPECT_TRUE(trickles(with(chrome_offer(), "ice-options:trickle", "ice-options:ice2 trickle")));
    EXPECT_TRUE(trickles(with(with(chrome_offer(), "a=ice-options:trickle", "a=ice-options:ice2"),
                              "a=group", "a=ice-options:trickle ice2\r\na=group")));
    EXPECT_FALSE(trickles(with(chrome_offer(), "options:trickle", "options:ice2 no-trickle")));
    EXPECT_FALSE(trickles(without(chrome_offer(), "a=ice-options:trickle\r\n")));
}

TEST(Sdp, SaysThatItTricklesOnlyToWhomOffersIt) {
    auto offer = *decode_description(chrome_offer(), Kind::Offer);
    EXPECT_TRUE(answer_to(offer).trickle);
    offer.trickle = false;
    EXPECT_FALSE(answer_to(offer).trickle);
    EXPECT_EQ(answer_text(offer).find("ice-options"), std::string::npos);
}

TEST(Sdp, ReadsTlsId) {
    const auto text = with(chrome_offer(), "a=setup", "a=tls-id:abc3de65cddef001be82\r\na=setup");
    EXPECT_EQ(decode_description(text, Kind::Offer)->tls_id, "abc3de65cddef001be82");
    EXPECT_EQ(decode_description(chrome_offer(), Kind::Offer)->tls_id, "");
    EXPECT_EQ(answer_text(*decode_description(chrome_offer(), Kind::Offer)).find("a=tls-id"),
              std::string::npos)
        << "RFC 8842 section 5.3: only when it was offered";
}

TEST(Sdp, TakesStrongHashesAndPassesOverWeakOnes) {
    const auto text = with(
        chrome_offer(), "a=fingerprint:sha-256",
        "a=fingerprint:sha-1 AB:CD\r\na=fingerprint:" + to_string(fingerprint_by(Hash::Sha512)) +
            "\r\na=fingerprint:md5 AB\r\na=fingerprint:SHA-256");
    const auto offer = decode_description(text, Kind::Offer);
    ASSERT_TRUE(offer) << offer.error().message;
    ASSERT_EQ(offer->fingerprints.size(), 2U);
    EXPECT_EQ(offer->fingerprints[0], fingerprint_by(Hash::Sha512));
    EXPECT_EQ(offer->fingerprints[1].hash, Hash::Sha256);
}

TEST(Sdp, ADescriptionWithoutCandidatesNamesThePortOfDiscard) {
    // RFC 8840 section 4.1.1.
    const auto text = encode(sample());
    EXPECT_NE(text.find("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"),
              std::string::npos)
        << text;
}

TEST(Sdp, NamesTheCandidateThatIsLikeliestToWorkWithoutIce) {
    // RFC 8445 section 5.1.4: relayed, then server-reflexive, then host; no name, no TCP.
    auto offer = sample();
    const auto shown = [&] {
        const auto text = encode(offer);
        const auto at = text.find("c=IN ");
        return text.substr(at, text.find("\r\n", at) - at);
    };
    const auto add = [&](const std::string& rest) {
        offer.candidates.push_back(*decode_candidate("candidate:1 1 " + rest));
    };
    add("udp 9 abc.local 5 typ host");
    add("tcp 9 192.0.2.9 9 typ host tcptype active");
    EXPECT_EQ(shown(), "c=IN IP4 0.0.0.0");
    add("udp 9 2001:db8::7 5 typ host");
    EXPECT_EQ(shown(), "c=IN IP6 2001:db8::7");
    add("udp 9 192.0.2.1 5 typ host");
    EXPECT_EQ(shown(), "c=IN IP4 192.0.2.1");
    add("udp 9 192.0.2.2 5 typ srflx raddr 0.0.0.0 rport 0");
    EXPECT_EQ(shown(), "c=IN IP4 192.0.2.2");
    add("udp 9 192.0.2.3 5 typ relay raddr 0.0.0.0 rport 0");
    EXPECT_EQ(shown(), "c=IN IP4 192.0.2.3");
}

TEST(Sdp, RefusesANulAnywhere) {
    for (const auto* const where : {"a=mid:0", "a=extmap-allow-mixed", "s=-", "m=application"}) {
        auto text = chrome_offer();
        text.insert(text.find(where) + 3, 1, '\0');
        const auto offer = decode_description(text, Kind::Offer);
        ASSERT_FALSE(offer) << where;
        EXPECT_EQ(offer.error().code, Errc::Malformed);
    }
}

const std::string kLongUfrag = "a=ice-ufrag:" + std::string(257, 'x');
const std::string kLongPassword = "a=ice-pwd:" + std::string(257, 'x');

struct BadDescription {
    const char* name;
    std::string what;
    std::string instead;
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
        BadDescription{"OldSctpSyntaxWithoutMap", "UDP/DTLS/SCTP webrtc-datachannel",
                       "DTLS/SCTP 5000", Errc::Unsupported},
        BadDescription{"OtherFormat", "UDP/DTLS/SCTP webrtc-datachannel", "UDP/DTLS/SCTP bfcp",
                       Errc::Unsupported},
        BadDescription{"OtherProtocol", "UDP/DTLS/SCTP", "SCTP", Errc::Unsupported},
        BadDescription{"TurnedDown", "m=application 45664", "m=application 0", Errc::Refused},
        BadDescription{"BadPort", "m=application 45664", "m=application 65536"},
        BadDescription{"NoUfrag", "a=ice-ufrag:EsAw\r\n", ""},
        BadDescription{"ShortUfrag", "a=ice-ufrag:EsAw", "a=ice-ufrag:EsA"},
        BadDescription{"BadUfrag", "a=ice-ufrag:EsAw", "a=ice-ufrag:Es w"},
        BadDescription{"NoPassword", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n", ""},
        BadDescription{"ShortPassword", "a=ice-pwd:P2uY", "a=ice-pwd:P"},
        BadDescription{"NoFingerprint", "a=fingerprint:sha-256", "a=x:"},
        BadDescription{"Sha1Alone", "a=fingerprint:sha-256", "a=fingerprint:sha-1",
                       Errc::Unsupported},
        BadDescription{"Md5Alone", "a=fingerprint:sha-256", "a=fingerprint:md5", Errc::Unsupported},
        BadDescription{"HashOfAnotherLength", "a=fingerprint:sha-256", "a=fingerprint:sha-512"},
        BadDescription{"ShortTlsId", "a=setup:", "a=tls-id:abcdefghijklmnopqrs\r\na=setup:"},
        BadDescription{"BadTlsId", "a=setup:", "a=tls-id:abcdefghijklmnopqrs*\r\na=setup:"},
        BadDescription{"LongUfrag", "a=ice-ufrag:EsAw", kLongUfrag},
        BadDescription{"LongPassword", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1", kLongPassword},
        BadDescription{"SctpPortTooHigh", "a=sctp-port:5000", "a=sctp-port:65536"},
        BadDescription{"CrInsideALine", "a=mid:0", "a=mid:0\ra=sctp-port:1"},
        BadDescription{"ControlCharacterInMid", "a=mid:0", "a=mid:\x1b[31m"},
        BadDescription{"ControlCharacterInMLine", "webrtc-datachannel", "webrtc-datachannel \x07"},
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
