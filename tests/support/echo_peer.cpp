// SPDX-License-Identifier: MIT
// The library as the peer of a program that is not ours: `echo_peer offer|answer`, signalling on
// standard input and output. Sends each message back as it came, on every channel; obeys the texts
// "close" (this channel) and "end" (the session). In both roles it has a channel whose number, 100,
// is agreed; offering, it opens those below. Each state is a line on standard error. With a TURN
// server it shows no other address. Exit status: 0 when the session was closed, 1 when it failed.
#include <cstdio>
#include <iostream>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <glib.h>

#include <natterjack/peer_session.hpp>

namespace {

using natterjack::Channel;
using natterjack::ChannelOptions;
using natterjack::PeerInfo;
using natterjack::PeerOptions;
using natterjack::PeerPayload;
using natterjack::PeerRole;
using natterjack::PeerSession;
using natterjack::PeerState;

const std::map<std::string, PeerPayload> kPayloads = {{"channels", PeerPayload::Channels},
                                                      {"datagrams", PeerPayload::SecureDatagrams},
                                                      {"plain", PeerPayload::UnsafeDatagrams}};

class EchoPeer {
public:
    explicit EchoPeer(const PeerOptions& options) : main_loop_(g_main_loop_new(nullptr, FALSE)) {
        auto session = PeerSession::create(
            natterjack::Loop::on(nullptr), options,
            {.send = [](const std::string& line) { std::cout << line << std::endl; },
             .on_state = [this](PeerState state, const PeerInfo& info) { handle(state, info); },
             .on_channel = [this](Channel channel) { serve(std::move(channel)); },
             .on_datagram =
                 [this](std::span<const std::uint8_t> datagram) {
                     (void)session_->send_datagram(datagram);
                 }});
        if (!session) {
            std::cerr << session.error().message << std::endl;
            return;
        }
        session_.emplace(*std::move(session));
        if (options.payload != PeerPayload::Channels) return;
        open("agreed", {.agreed = std::uint16_t{100}});
        if (options.role == PeerRole::Offer) open_channels();
    }
    ~EchoPeer() { g_main_loop_unref(main_loop_); }
    EchoPeer(const EchoPeer&) = delete;
    EchoPeer& operator=(const EchoPeer&) = delete;

    int run() {
        if (!session_) return 1;
        std::thread([session = &*session_] {
            for (std::string line; std::getline(std::cin, line);) {
                if (const auto taken = session->receive(line); !taken)
                    std::cerr << taken.error().message << std::endl;
            }
        }).detach(); // it may wait for input when all is over
        g_main_loop_run(main_loop_);
        return status_;
    }

private:
    void handle(PeerState state, const PeerInfo& info) {
        std::cerr << to_string(state) << (info.error ? ": " + info.error->message : "")
                  << std::endl;
        if (state != PeerState::Failed && state != PeerState::Closed) return;
        status_ = state == PeerState::Closed ? 0 : 1;
        g_main_loop_quit(main_loop_);
    }

    void open_channels() {
        ChannelOptions unordered;
        unordered.ordered = false;
        unordered.max_retransmits = 3;
        unordered.protocol = "echo";
        ChannelOptions hurried;
        hurried.max_lifetime = 2000;
        open("reliable", {});
        open("unordered", unordered);
        open("", hurried);
    }

    void open(const std::string& label, const ChannelOptions& options) {
        auto channel = session_->open_channel(label, options);
        if (channel) serve(*std::move(channel));
    }

    void serve(Channel channel) {
        const auto place = channels_.emplace(channels_.end(), std::move(channel));
        place->on_message([this, place](std::span<const std::uint8_t> message, bool text) {
            const std::string words(message.begin(), message.end());
            if (text && words == "close") return place->close();
            if (text && words == "end") return session_->close();
            const auto sent = text ? place->send_text(words) : place->send(message);
            if (!sent) std::cerr << sent.error().message << std::endl;
        });
        place->on_closed([this, place](const auto&) { channels_.erase(place); });
    }

    GMainLoop* main_loop_;
    std::list<Channel> channels_;
    std::optional<PeerSession> session_;
    int status_ = 1;
};

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const std::string role = words.empty() ? "" : words[0];
    const std::string payload = words.size() > 1 ? words[1] : "channels";
    if ((role != "offer" && role != "answer") || !kPayloads.contains(payload)) {
        std::cerr << "usage: echo_peer offer|answer [channels|datagrams|plain [STUN [TURN]]]"
                  << std::endl;
        return 64;
    }
    PeerOptions options;
    options.role = role == "offer" ? PeerRole::Offer : PeerRole::Answer;
    options.map = false;
    options.payload = kPayloads.at(payload);
    if (words.size() > 2) options.stun_servers = {words[2]};
    if (words.size() > 3) {
        options.turn_servers = {words[3]};
        options.relay_only = true;
    }
    return EchoPeer(options).run();
}
