// SPDX-License-Identifier: MIT
/// \file
/// \brief Tries through a TURN server whether a TCP port is reached from outside (RFC 6062).
/// Sans-IO.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/proof.hpp"
#include "proto/turn_client.hpp"

namespace natterjack {

/// The server connects to the external endpoint from a port that it has just chosen. What we then
/// send through it must come out of the connection that our listener took: that is the proof. Where
/// the application itself listens, nothing is sent; the kernel is asked whether it has that
/// connection.
///
///     start(now) -> is_ready() -> prove(now, external) -> result()
///
/// Refuted: the server's connections to the port fail, again and again, while one to another
/// endpoint, its own, succeeds.
class TcpProof {
public:
    using Token = std::array<std::uint8_t, 16>;

    /// When the server's first attempt has had no answer: what else could be wrong is looked at
    /// while the attempt goes on.
    static constexpr Duration kPatience{1200};
    /// The server's kernel repeats its SYN after one and after three seconds; then it is enough.
    static constexpr Duration kConnectLimit{3300};
    /// At least, for the second connection to the server, and for the token to arrive: two round
    /// trips each, and the allocation took three.
    static constexpr Duration kTokenLimit{1500};

    struct Options {
        Endpoint server; ///< Reached over TCP.
        std::string user;
        std::string password;
        bool application_listens = false;
        Token token{};                          ///< Unpredictable.
        Duration connect_limit = kConnectLimit; ///< For each connection of the server's.
        /// What other sockets of this host have sent to; it may grow. Null: nothing.
        std::shared_ptr<const std::vector<Endpoint>> contacted;
    };

    TcpProof(Options options, TurnCrypto crypto);

    /// The first connection to the server stands.
    void start(TimePoint now);
    [[nodiscard]] bool is_ready() const { return phase_ == Phase::Ready; }
    /// Once, when is_ready(). An unspecified address means that at which the server sees us.
    void prove(TimePoint now, const Endpoint& external);

    /// Bytes of the first connection to the server, as they come.
    void handle_control(TimePoint now, ByteView bytes);
    /// True when a second connection to the server is wanted; tell by handle_data_open().
    [[nodiscard]] bool wants_data() const { return phase_ == Phase::OpeningData; }
    void handle_data_open(TimePoint now);
    void handle_data(TimePoint now, ByteView bytes);
    /// One of the connections failed or was closed by the server.
    void handle_broken(const std::string& why);

    /// The first bytes, at most a Token's worth, of a connection that our listener took.
    void handle_accepted(TimePoint now, const Endpoint& from, ByteView bytes);
    /// The application listens and the server says that it is connected: the remote end for which
    /// the kernel must have a connection. Answer by confirm().
    [[nodiscard]] std::optional<Endpoint> wants_confirmation() const;
    void confirm(TimePoint now, bool has_connection);

    void handle_timeout(TimePoint now);
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> poll_control();
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> poll_data();
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] const std::optional<ProofVerdict>& result() const { return result_; }
    /// Ends it without a result: the allocation is given back.
    void close() { client_.close(); }

private:
    enum class Phase {
        Preparing,
        Ready,
        Connecting,
        OpeningData,
        Binding,
        AwaitingToken,
        Confirming,
        Done
    };
    /// Whether the server can connect to anything.
    enum class Control { Untried, Permitting, Connecting, Works, Fails };

    [[nodiscard]] Duration token_limit() const { return std::max(kTokenLimit, 2 * pace_); }
    void drain(TimePoint now);
    void take(TimePoint now, const TurnClient::Event& event);
    void take_refusal(TimePoint now, const TurnClient::Refused& refused);
    void connect(TimePoint now);
    void try_control(TimePoint now);
    void control_ended(TimePoint now, Control outcome, const std::string& why);
    void settle_failure(TimePoint now);
    void proved(TimePoint now, const Endpoint& from);
    void finish(ProofVerdict verdict);
    void inconclusive(std::string why);
    [[nodiscard]] std::string name() const;

    Options options_;
    TurnClient client_;
    turn::StreamSplitter control_stream_;
    turn::StreamSplitter data_stream_;
    std::optional<TurnRequest> bind_;
    std::deque<std::vector<std::uint8_t>> data_outbox_;
    Phase phase_ = Phase::Preparing;
    Control control_ = Control::Untried;
    IpAddress seen_;
    Endpoint relayed_;
    Endpoint external_;
    turn::ConnectionId connection_ = 0;
    int failures_ = 0;                                // of connections to the port
    UnsolicitedSyn answer_ = UnsolicitedSyn::Unknown; // to the last of them
    bool pending_ = false;                            // one is under way
    TimePoint asked_;
    Duration pace_{0};                  // from the first question until it was ready
    std::optional<TimePoint> patience_; // ends, while connecting
    std::optional<TimePoint> limit_;    // of the phase
    std::optional<ProofVerdict> result_;
};

} // namespace natterjack
