// SPDX-License-Identifier: MIT
/// \file
/// \brief A STUN server that answers to another port than the one that asked (RFC 5780). Sans-IO.
#pragma once

#include <functional>
#include <map>

#include "proto/retransmit.hpp"
#include "proto/vantage.hpp"

namespace natterjack {

/// Knocks by RESPONSE-PORT, and from the server's other address by CHANGE-REQUEST where it has one,
/// else from its other port, if it takes that.
///
/// A server is not believed: its other address must be another in address and port, and an answer
/// that comes to the port that asked shows that it ignores RESPONSE-PORT, as servers with RFC 5780
/// switched off do.
class StunVantage final : public Vantage {
public:
    /// How long an answer is waited for, if nothing else is said.
    static constexpr Duration kReadyLimit{1000};
    /// How often it may ask for another nonce.
    static constexpr int kMaxChallenges = 3;

    StunVantage(Endpoint server, std::function<stun::TransactionId()> new_transaction,
                Duration ready_limit = kReadyLimit);

    void start(TimePoint now) override;
    void handle_datagram(TimePoint now, ProofSocket socket, const Endpoint& from,
                         ByteView payload) override;
    void handle_timeout(TimePoint now) override;
    [[nodiscard]] std::optional<TimePoint> deadline() const override { return timer_.deadline(); }
    void knock(TimePoint now, const Endpoint& target, const KnockId& id,
               bool from_elsewhere) override;
    void open_control(TimePoint now) override;
    [[nodiscard]] bool knocks_from(const IpAddress& address) const override;
    [[nodiscard]] std::string name() const override {
        return "the STUN server " + server_.to_string();
    }
    void close() override {}

private:
    struct Knock {
        std::uint16_t port = 0;
        std::optional<stun::ChangeRequest> change;
    };

    void ask(TimePoint now, ProofSocket socket);
    void take_binding(ProofSocket socket, const stun::Message& message);
    void take_refusal(const KnockId& id, Knock& knock, const stun::Message& message);
    void send_knock(const KnockId& id, const Knock& knock);

    Endpoint server_;
    std::function<stun::TransactionId()> new_transaction_;
    Duration ready_limit_;
    stun::TransactionId binding_{}; // of the plain request under way
    ProofSocket binding_socket_ = ProofSocket::Asker;
    RetransmitTimer timer_;
    std::optional<Endpoint> other_; // the server's other address and port, if it has both
    bool changes_nothing_ = false;  // it refuses CHANGE-REQUEST
    std::vector<std::uint8_t> nonce_;
    int challenges_ = 0;
    std::map<KnockId, Knock> knocks_;
};

} // namespace natterjack
