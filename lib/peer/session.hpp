// SPDX-License-Identifier: MIT
/// \file
/// \brief The inside of a PeerSession: signalling, rounds of ICE, what runs over the path.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/peer_session.hpp>

#include "net/loop.hpp"
#include "net/network_watch.hpp"
#include "peer/channel_state.hpp"
#include "peer/path_finder.hpp"
#include "strategies/ice/dtls_certificate.hpp"
#include "strategies/ice/dtls_session.hpp"
#include "strategies/ice/secure_session.hpp"
#include "wire/signal_json.hpp"

namespace natterjack::peer {

/// Lives as long as its PeerSession, and a little longer to say goodbye. What is not marked
/// otherwise belongs to the loop's thread.
class Session : public std::enable_shared_from_this<Session> {
public:
    Session(Loop loop, PeerOptions options, FinderConfig finder, PeerHandlers handlers,
            std::shared_ptr<const ice::DtlsCertificate> certificate);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Any thread.
    [[nodiscard]] const Loop& loop() const { return loop_; }
    [[nodiscard]] PeerInfo info() const;
    Result<void> receive(std::string_view line);
    Result<std::shared_ptr<ChannelState>> open_channel(std::string label,
                                                       const ChannelOptions& options);
    Result<void> send_datagram(ByteView datagram);
    [[nodiscard]] std::size_t max_datagram() const { return max_datagram_; }
    [[nodiscard]] std::size_t max_message() const { return max_message_; }
    /// Ends gather(): from now on it signals, by \a handlers.
    void invite(PeerHandlers handlers);
    [[nodiscard]] bool is_invited() const { return invited_; }
    /// The PeerSession was destroyed: no handler any more, and the session ends.
    void abandon();

    void start();
    /// Instead of start(): looks for its own addresses, asks no gateway for a port and tells nobody
    /// anything. \a on_news: called, never inside libnice, when more of them is known.
    void gather(std::function<void()> on_news);
    /// All of its own candidates so far, shown to the peer or not.
    [[nodiscard]] std::vector<sdp::Candidate> candidates() const;
    void restart();
    void close();

    // For ChannelState.
    void send(ChannelState& channel, ChannelMessage message);
    void finish(ChannelState& channel, bool both_ways);
    void set_half_close(const ChannelState& channel);
    void update_receiving();

private:
    // Signalling.
    void say(const signal::Message& message);
    void hear_offer(const sdp::Description& offer);
    void hear_answer(const sdp::Description& answer);
    void hear_candidate(const signal::Candidate& message);
    void say_description();
    void say_now();
    [[nodiscard]] signal::Candidate about_candidate(const std::string& ufrag) const;
    void say_candidate(const sdp::Candidate& candidate, const std::string& ufrag);
    void say_end(const std::string& ufrag);
    [[nodiscard]] sdp::Description local_description() const;
    void answer_again(const sdp::Description& offer);
    [[nodiscard]] bool continues_dtls(const sdp::Description& remote);

    // Rounds of ICE.
    Result<void> begin_round();
    [[nodiscard]] PathFinder::Handlers finder_handlers(std::uint64_t round);
    void begin_signalling();
    void tell_news();
    void take_remote(const sdp::Description& remote);
    void handle_gathered(std::uint64_t round);
    void handle_path(std::uint64_t round, const PeerPath& path);
    void handle_quiet(std::uint64_t round);
    void handle_silence();
    void handle_network_change();
    void restart_soon(const std::string& why);
    void bury(std::shared_ptr<PathFinder> finder);
    void start_connect_timer();

    // What runs over the path.
    Result<void> make_payload();
    void handle_datagram(ByteView datagram);
    void pump();
    void transmit(ByteView datagram);
    void start_payload();
    void send_outgoing();
    void note_end();
    void handle_event(ice::ChannelEvent event);
    void take_incoming(ice::ChannelId id);
    void note_progress();
    void assign(ChannelState& channel);
    void hand_over(ChannelState& channel, const ChannelMessage& message);
    void post_pump();

    void set_state(PeerState state, std::optional<Error> error = std::nullopt);
    void set_state_quietly(PeerState state, const std::optional<Error>& error);
    void fail(Error error);
    void end(PeerState state, const std::optional<Error>& error);
    void publish();
    [[nodiscard]] bool over() const;
    [[nodiscard]] std::chrono::microseconds elapsed() const;
    [[nodiscard]] std::shared_ptr<const PeerHandlers> handlers() const;

    const Loop loop_;
    const PeerOptions options_;
    FinderConfig finder_config_;
    const std::shared_ptr<const ice::DtlsCertificate> certificate_;

    mutable std::mutex mutex_; // guards the next two
    std::shared_ptr<const PeerHandlers> handlers_;
    PeerInfo public_info_;

    std::atomic<std::size_t> max_datagram_ = 0;
    std::atomic<std::size_t> max_message_;
    std::atomic<std::uint64_t> bytes_sent_ = 0;
    std::atomic<std::uint64_t> bytes_received_ = 0;
    std::atomic<bool> ended_ = false;
    std::atomic<bool> invited_ = true;
    std::mutex outgoing_mutex_; // guards the next: datagrams from other threads
    std::deque<std::vector<std::uint8_t>> outgoing_;

    PeerState state_ = PeerState::Gathering;
    std::optional<Error> error_;
    PeerTimings timings_;
    TimePoint started_{};
    unsigned restarts_ = 0;
    std::function<void()> on_news_; // while it gathers only

    std::uint64_t session_id_ = 0;
    const std::string tls_id_; // names our one DTLS association (RFC 8842 section 4)
    std::uint64_t version_ = 0;
    std::uint64_t round_ = 0;
    std::shared_ptr<PathFinder> next_;   // being negotiated; null while there is nothing to do
    std::shared_ptr<PathFinder> active_; // carries the data
    bool offering_ = false;              // our offer has no answer yet
    bool trickling_ = false;             // candidates may follow the description of this round
    bool described_ = false;             // of next_
    bool said_end_ = false;              // of next_
    std::vector<std::string> early_candidates_; // came before their description
    std::optional<sdp::Description> remote_;    // the last one
    sdp::Description answer_;                   // skeleton of our answer to the last offer
    sdp::Setup setup_ = sdp::Setup::ActPass;    // ours, once decided
    std::optional<std::string> network_note_;

    std::unique_ptr<ice::SecureSession> secure_;
    std::unique_ptr<ice::DtlsSession> dtls_;
    bool payload_started_ = false;
    std::deque<std::vector<std::uint8_t>> early_datagrams_; // before there is a payload
    std::deque<std::vector<std::uint8_t>> unsent_;          // before there is a path
    std::map<ice::ChannelId, std::shared_ptr<ChannelState>> channels_;
    std::vector<std::shared_ptr<ChannelState>> unassigned_;
    bool receiving_ = true;
    bool pump_posted_ = false;

    net::Timer payload_timer_;
    TimePoint payload_due_{}; // what the timer is set to
    net::Timer connect_timer_;
    net::Timer describe_timer_;
    net::Timer silence_timer_;
    net::Timer restart_timer_;
    std::unique_ptr<net::NetworkWatch> network_watch_;
    unsigned failed_restarts_ = 0; // in a row: for the back-off
};

} // namespace natterjack::peer
