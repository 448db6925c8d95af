// SPDX-License-Identifier: MIT
/// \file
/// \brief A TURN server made of functions: answers as a test wants, and checks what it is sent.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/hmac.hpp"
#include "proto/turn_request.hpp"

namespace natterjack::test {

/// Transaction ids that count up from 1.
inline TurnCrypto counting_crypto() {
    return {.hmac = net::hmac_sha1,
            .md5 = net::md5,
            .new_transaction = [next = std::uint8_t{0}]() mutable {
                return stun::TransactionId{++next};
            }};
}

class ScriptedTurn {
public:
    using Bytes = std::vector<std::uint8_t>;

    Endpoint relayed{IpAddress::v4(0x19000001), 49152};
    Endpoint mapped{IpAddress::v4(0x19007102), 40000};
    std::string user = "user";
    std::string password = "pass";
    std::string realm = "realm";
    std::string nonce = "nonce-1";
    turn::ConnectionId connection = 7;
    std::optional<int> refuse_method; ///< This method is refused ...
    int refusal = 403;                ///< ... with this code.
    /// What becomes of a Connect: 0 it succeeds, -1 it is not answered, else the code of the error.
    std::function<int(const Endpoint& peer)> connects = [](const Endpoint&) { return 0; };
    bool sign = true;                 ///< Signs its answers to signed requests.
    std::vector<std::uint16_t> asked; ///< Methods of the requests that were let in.
    std::vector<Endpoint> permitted;
    std::vector<Endpoint> connected;
    std::vector<std::pair<Endpoint, Bytes>> sent; ///< Send indications.
    std::optional<Lifetime> refreshed;

    /// The answer; nothing: an indication, or not for us.
    std::optional<Bytes> answer(ByteView request) {
        const auto message = stun::decode(request);
        if (!message) return std::nullopt;
        if (message->kind == stun::Class::Indication && message->method == turn::kSend) {
            sent.emplace_back(turn::peer_address(*message).value_or({}),
                              message->find(stun::AttributeType::Data)->value);
            return std::nullopt;
        }
        if (message->kind != stun::Class::Request) return std::nullopt;
        const auto given = turn::challenge(*message);
        if (!given) return challenge(*message, turn::kUnauthenticated);
        const auto key = turn::long_term_key(user, realm, password, net::md5);
        if (!stun::has_integrity(request, key, net::hmac_sha1)) {
            return challenge(*message, turn::kUnauthenticated);
        }
        if (given->nonce != nonce) return challenge(*message, turn::kStaleNonce);
        asked.push_back(message->method);
        if (message->method == refuse_method) return refuse(*message, key, refusal);
        if (message->method == turn::kConnect) {
            const int outcome = connects(turn::peer_address(*message).value_or({}));
            if (outcome < 0) return std::nullopt;
            if (outcome > 0) return refuse(*message, key, outcome);
        }
        return grant(*message, key);
    }

    /// A datagram of a peer's, as the server passes it on.
    [[nodiscard]] static Bytes data(const Endpoint& peer, const Bytes& payload) {
        stun::Message out{.kind = stun::Class::Indication, .method = turn::kData};
        out.add(stun::AttributeType::XorPeerAddress, stun::xor_address(peer, out.transaction));
        out.add(stun::AttributeType::Data, payload);
        return stun::encode(out);
    }

private:
    [[nodiscard]] Bytes challenge(const stun::Message& request, int code) const {
        stun::Message out{.kind = stun::Class::Error,
                          .method = request.method,
                          .transaction = request.transaction};
        out.add(stun::AttributeType::ErrorCode, stun::error_code_value({code, "login"}));
        out.add(stun::AttributeType::Realm, {realm.begin(), realm.end()});
        out.add(stun::AttributeType::Nonce, {nonce.begin(), nonce.end()});
        return stun::encode(out);
    }

    [[nodiscard]] Bytes refuse(const stun::Message& request, const Bytes& key, int code) const {
        stun::Message out{.kind = stun::Class::Error,
                          .method = request.method,
                          .transaction = request.transaction};
        out.add(stun::AttributeType::ErrorCode, stun::error_code_value({code, "no"}));
        return finish(std::move(out), key);
    }

    Bytes grant(const stun::Message& request, const Bytes& key) {
        stun::Message out{.kind = stun::Class::Success,
                          .method = request.method,
                          .transaction = request.transaction};
        const auto peer = turn::peer_address(request);
        switch (request.method) {
        case turn::kAllocate:
            out.add(stun::AttributeType::XorRelayedAddress,
                    stun::xor_address(relayed, out.transaction));
            out.add(stun::AttributeType::XorMappedAddress,
                    stun::xor_address(mapped, out.transaction));
            out.add(stun::AttributeType::Lifetime, turn::lifetime_value(Lifetime(600)));
            break;
        case turn::kCreatePermission: permitted.push_back(peer.value_or({})); break;
        case turn::kConnect:
            connected.push_back(peer.value_or({}));
            out.add(stun::AttributeType::ConnectionId, turn::connection_id_value(connection));
            break;
        case turn::kRefresh: refreshed = turn::lifetime(request).value_or(Lifetime(1)); break;
        default: break;
        }
        return finish(std::move(out), key);
    }

    [[nodiscard]] Bytes finish(stun::Message message, const Bytes& key) const {
        if (sign) stun::add_integrity(message, key, net::hmac_sha1);
        return stun::encode(message);
    }
};

} // namespace natterjack::test
