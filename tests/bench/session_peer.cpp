// SPDX-License-Identifier: MIT
// A PeerSession as one end of a race: `session_peer offer|answer plain|secure|channel [STUN [TURN
// TURN-TCP]] [flood]`. Signalling, marks and what it sends: as nice_peer.
#include <algorithm>
#include <iostream>
#include <list>
#include <optional>
#include <vector>

#include <natterjack/peer_session.hpp>

#include "tests/bench/bench_peer.hpp"

using namespace natterjack;

namespace {

constexpr std::size_t kMessage = 16384;
constexpr std::size_t kLowWater = std::size_t{1} << 20U;

class SessionPeer {
public:
    explicit SessionPeer(bool flooding) : flooding_(flooding) {}

    bool start(const PeerOptions& options) {
        auto session = PeerSession::create(
            Loop::on(nullptr), options,
            {.send = [](const std::string& line) { std::cout << line << std::endl; },
             .on_state = [this](PeerState state, const PeerInfo& info) { follow(state, info); },
             .on_path =
                 [this](const PeerInfo&) {
                     if (!std::exchange(path_, true)) bench::mark("path");
                 },
             .on_channel =
                 [this](Channel channel) {
                     auto& kept = channels_.emplace_back(std::move(channel));
                     listen(kept);
                     send_on(kept, 1);
                 },
             .on_datagram =
                 [this](std::span<const std::uint8_t> datagram) { take(datagram.size()); }});
        if (!session) {
            std::cerr << session.error().message << std::endl;
            return false;
        }
        session_.emplace(*std::move(session));
        if (options.payload == PeerPayload::Channels && options.role == PeerRole::Offer) {
            auto channel = session_->open_channel("race");
            if (!channel) return false;
            auto& kept = channels_.emplace_back(*std::move(channel));
            listen(kept);
            send_on(kept, 1);
        }
        bench::read_lines([this](const std::string& line) {
            if (const auto taken = session_->receive(line); !taken)
                std::cerr << taken.error().message << std::endl;
        });
        return true;
    }

private:
    void follow(PeerState state, const PeerInfo& info) {
        if (state == PeerState::Failed) {
            std::cerr << info.error->message << std::endl;
            bench::mark("failed");
        }
        if (state != PeerState::Connected) return;
        bench::mark("connected");
        if (!channels_.empty()) {
            if (flooding_) fill();
        } else if (session_->max_datagram() > 0) {
            std::ignore = session_->send_datagram(bytes(1));
            if (!flooding_) {
                bench::repeat(std::chrono::milliseconds(5),
                              [this] { std::ignore = session_->send_datagram(bytes(1)); });
                return;
            }
            bench::repeat(std::chrono::milliseconds(0), [this] {
                for (int i = 0; i < 32; ++i)
                    std::ignore = session_->send_datagram(bytes(bench::kDatagram));
            });
        }
    }

    void listen(Channel& channel) {
        channel.on_message(
            [this](std::span<const std::uint8_t> message, bool) { take(message.size()); });
    }

    // As an application with much to send does it: whenever little is left.
    void fill() {
        auto& channel = channels_.front();
        channel.on_low_buffer(kLowWater, [this] { top_up(); });
        top_up();
    }
    void top_up() {
        auto& channel = channels_.front();
        while (channel.buffered_amount() <= kLowWater) send_on(channel, kMessage);
    }

    void take(std::size_t size) {
        if (!std::exchange(heard_, true)) bench::mark("first-byte");
        if (size > 1) meter_.take(size);
    }

    static void send_on(Channel& channel, std::size_t size) {
        std::ignore = channel.send(bytes(size));
    }
    static std::span<const std::uint8_t> bytes(std::size_t size) {
        static const std::vector<std::uint8_t> all(kMessage);
        return std::span(all).first(size);
    }

    const bool flooding_;
    bool path_ = false;
    bool heard_ = false;
    bench::Meter meter_;
    std::list<Channel> channels_;
    std::optional<PeerSession> session_;
};

} // namespace

int main(int argc, char** argv) {
    std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() < 2) return 64;
    const bool flooding = words.back() == "flood";
    if (flooding) words.pop_back();
    PeerOptions options;
    options.role = words[0] == "offer" ? PeerRole::Offer : PeerRole::Answer;
    options.payload = words[1] == "plain"    ? PeerPayload::UnsafeDatagrams
                      : words[1] == "secure" ? PeerPayload::SecureDatagrams
                                             : PeerPayload::Channels;
    options.map = false;
    if (words.size() > 2) options.stun_servers = {words[2]};
    if (words.size() > 3) options.turn_servers.assign(words.begin() + 3, words.end());
    SessionPeer peer(flooding);
    if (!peer.start(options)) return 1;
    g_main_loop_run(g_main_loop_new(nullptr, FALSE));
}
