// SPDX-License-Identifier: MIT
/// \file
/// \brief A TURN relay as a second place to knock from. Sans-IO.
#pragma once

#include "proto/retransmit.hpp"
#include "proto/turn_client.hpp"
#include "proto/vantage.hpp"

namespace natterjack {

/// Knocks from a relayed address: a port that the server has just chosen, so that nobody here can
/// have sent to it before.
class TurnVantage final : public Vantage {
public:
    /// How long the control socket's datagram may take through the relay.
    static constexpr Duration kControlLimit{1000};

    TurnVantage(Endpoint server, TurnClient::Options options, TurnCrypto crypto);

    void start(TimePoint now) override;
    void handle_datagram(TimePoint now, ProofSocket socket, const Endpoint& from,
                         ByteView payload) override;
    void handle_timeout(TimePoint now) override;
    [[nodiscard]] std::optional<TimePoint> deadline() const override;
    void knock(TimePoint now, const Endpoint& target, const KnockId& id,
               bool from_elsewhere) override;
    void open_control(TimePoint now) override;
    [[nodiscard]] bool knocks_from(const IpAddress& address) const override {
        return address == relayed_.address;
    }
    [[nodiscard]] std::string name() const override {
        return "the TURN server " + server_.to_string();
    }
    void close() override;

private:
    void drain(TimePoint now);
    void take(TimePoint now, const TurnClient::Event& event);
    void send_opener();

    Endpoint server_;
    TurnCrypto crypto_;
    TurnClient client_;
    Endpoint relayed_;
    IpAddress seen_;
    std::optional<stun::TransactionId> opener_; // what the control socket sends
    RetransmitTimer timer_;                     // for the opener
};

} // namespace natterjack
