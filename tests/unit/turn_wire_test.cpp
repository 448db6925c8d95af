// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "net/hmac.hpp"
#include "wire/turn.hpp"

namespace natterjack::turn {
namespace {

using stun::AttributeType;
using stun::Message;
using Bytes = std::vector<std::uint8_t>;

const stun::TransactionId kTransaction = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
                                          0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};

// clang-format off
// An Allocate request for a TCP relay, as RFC 8656 section 7.1 and RFC 6062 section 4.1 lay it out.
const Bytes kAllocateRequest = {
    0x00, 0x03, 0x00, 0x10, // Allocate request, 16 bytes
    0x21, 0x12, 0xa4, 0x42, // magic cookie
    0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,

    0x00, 0x19, 0x00, 0x04, // REQUESTED-TRANSPORT
    0x06, 0x00, 0x00, 0x00, // TCP, and three reserved bytes

    0x00, 0x0d, 0x00, 0x04, // LIFETIME
    0x00, 0x00, 0x02, 0x58, // 600 s
};
// A Connect success (RFC 6062 section 5.2).
const Bytes kConnectSuccess = {
    0x01, 0x0a, 0x00, 0x08,
    0x21, 0x12, 0xa4, 0x42,
    0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,

    0x00, 0x2a, 0x00, 0x04, // CONNECTION-ID
    0x12, 0x34, 0x56, 0x78,
};
// clang-format on

Message allocate_request() {
    Message out{.method = kAllocate, .transaction = kTransaction};
    out.add(AttributeType::RequestedTransport, requested_transport_value(Transport::Tcp));
    out.add(AttributeType::Lifetime, lifetime_value(Lifetime(600)));
    return out;
}

TEST(TurnMessage, EncodesAnAllocateRequest) {
    EXPECT_EQ(stun::encode(allocate_request()), kAllocateRequest);
}

TEST(TurnMessage, DecodesAnAllocateRequest) {
    const auto message = stun::decode(kAllocateRequest);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->method, kAllocate);
    EXPECT_EQ(*requested_transport(*message), Transport::Tcp);
    EXPECT_EQ(*lifetime(*message), Lifetime(600));
}

TEST(TurnMessage, DecodesAConnectSuccess) {
    const auto message = stun::decode(kConnectSuccess);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->method, kConnect);
    EXPECT_EQ(message->kind, stun::Class::Success);
    EXPECT_EQ(*connection_id(*message), 0x12345678U);
    Message again{.kind = stun::Class::Success, .method = kConnect, .transaction = kTransaction};
    again.add(AttributeType::ConnectionId, connection_id_value(0x12345678));
    EXPECT_EQ(stun::encode(again), kConnectSuccess);
}

TEST(TurnMessage, KeepsPeerAndRelayApart) {
    const Endpoint peer{IpAddress::v4(0xC0000201), 32853};
    const auto relay = *Endpoint::parse("[2001:db8::7]:49152");
    Message message{.transaction = kTransaction};
    EXPECT_EQ(peer_address(message).error().code, Errc::NotFound);
    EXPECT_EQ(relayed_address(message).error().code, Errc::NotFound);
    message.add(AttributeType::XorPeerAddress, stun::xor_address(peer, kTransaction));
    message.add(AttributeType::XorRelayedAddress, stun::xor_address(relay, kTransaction));
    EXPECT_EQ(*peer_address(message), peer);
    EXPECT_EQ(*relayed_address(message), relay);
}

TEST(TurnMessage, AsksForAFamily) {
    for (const bool v4 : {true, false}) {
        Message message;
        message.add(AttributeType::RequestedAddressFamily, requested_family_value(v4));
        EXPECT_EQ(*requested_family_is_v4(message), v4);
    }
    EXPECT_EQ(requested_family_value(false), (Bytes{2, 0, 0, 0}));
    Message other;
    EXPECT_EQ(requested_family_is_v4(other).error().code, Errc::NotFound);
    other.add(AttributeType::RequestedAddressFamily, {3, 0, 0, 0});
    EXPECT_EQ(requested_family_is_v4(other).error().code, Errc::Unsupported);
    Message odd;
    odd.add(AttributeType::RequestedAddressFamily, {2, 0, 0});
    EXPECT_EQ(requested_family_is_v4(odd).error().code, Errc::Malformed);
}

TEST(TurnMessage, RejectsOddValues) {
    for (const Bytes& value : {Bytes{}, Bytes{17, 0, 0}, Bytes{17, 0, 0, 0, 0}}) {
        Message message;
        message.add(AttributeType::RequestedTransport, value);
        message.add(AttributeType::Lifetime, value);
        message.add(AttributeType::ConnectionId, value);
        EXPECT_EQ(requested_transport(message).error().code, Errc::Malformed) << value.size();
        EXPECT_EQ(lifetime(message).error().code, Errc::Malformed) << value.size();
        EXPECT_EQ(connection_id(message).error().code, Errc::Malformed) << value.size();
    }
    Message other;
    other.add(AttributeType::RequestedTransport, {1, 0, 0, 0});
    EXPECT_EQ(requested_transport(other).error().code, Errc::Unsupported);
    EXPECT_EQ(lifetime(other).error().code, Errc::NotFound);
}

TEST(TurnChallenge, NeedsARealmAndANonceOfBearableLength) {
    Message message;
    message.add(AttributeType::Realm, {'r'});
    EXPECT_EQ(challenge(message).error().code, Errc::NotFound);
    message.add(AttributeType::Nonce, Bytes(kLongestText, 'n'));
    const auto asked = challenge(message);
    ASSERT_TRUE(asked);
    EXPECT_EQ(*asked, (Challenge{"r", std::string(kLongestText, 'n')}));
    Message longer;
    longer.add(AttributeType::Realm, {'r'});
    longer.add(AttributeType::Nonce, Bytes(kLongestText + 1, 'n'));
    EXPECT_EQ(challenge(longer).error().code, Errc::TooLarge);
}

TEST(TurnLongTermKey, IsThatOfTheRfc) {
    // RFC 8489 section 9.2.2
    const Bytes want = {0x84, 0x93, 0xfb, 0xc5, 0x3b, 0xa5, 0x82, 0xfb,
                        0x4c, 0x04, 0x4c, 0x45, 0x6b, 0xdc, 0x40, 0xeb};
    EXPECT_EQ(long_term_key("user", "realm", "pass", net::md5), want);
}

Bytes joined(const Bytes& a, const Bytes& b) {
    Bytes out = a;
    out.insert(out.end(), b.begin(), b.end());
    return out;
}

TEST(TurnStream, IsCutIntoMessagesWhereverItIsCut) {
    const auto stream = joined(kAllocateRequest, kConnectSuccess);
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        StreamSplitter splitter;
        std::vector<Bytes> got;
        const auto view = ByteView(stream);
        for (const auto piece : {view.first(cut), view.subspan(cut)}) {
            splitter.append(piece);
            for (auto next = splitter.next(); next && *next; next = splitter.next()) {
                got.push_back(**next);
            }
        }
        EXPECT_EQ(got, (std::vector<Bytes>{kAllocateRequest, kConnectSuccess})) << cut;
    }
}

TEST(TurnStream, WaitsAtEveryTruncation) {
    for (std::size_t length = 0; length < kConnectSuccess.size(); ++length) {
        StreamSplitter splitter;
        splitter.append(ByteView(kConnectSuccess).first(length));
        const auto next = splitter.next();
        ASSERT_TRUE(next) << length;
        EXPECT_FALSE(*next) << length;
    }
}

TEST(TurnStream, HandsTheRestOver) {
    StreamSplitter splitter;
    splitter.append(joined(kConnectSuccess, {'h', 'i'}));
    EXPECT_EQ(**splitter.next(), kConnectSuccess);
    EXPECT_EQ(splitter.take_rest(), (Bytes{'h', 'i'}));
}

TEST(TurnStream, IsBrokenByWhatIsNotStun) {
    auto channel_data = kConnectSuccess;
    channel_data[0] = 0x40; // RFC 8656 section 12: no channel was ever bound
    auto odd = kConnectSuccess;
    odd[3] = 0x07;
    auto cookie = kConnectSuccess;
    cookie[4] = 0;
    for (const auto& bytes : {channel_data, odd, cookie}) {
        StreamSplitter splitter;
        splitter.append(bytes);
        EXPECT_EQ(splitter.next().error().code, Errc::Malformed);
    }
    auto huge = kConnectSuccess;
    huge[2] = 0xff;
    huge[3] = 0xfc;
    StreamSplitter splitter;
    splitter.append(huge);
    EXPECT_EQ(splitter.next().error().code, Errc::TooLarge);
}

} // namespace
} // namespace natterjack::turn
