// SPDX-License-Identifier: MIT
// Bare libnice, trickling, as one end of a race: `nice_peer offer|answer defaults|udp [STUN [TURN
// TURN-TCP]] [flood]`, servers as nat-lab's NATLAB_ variables name them. "udp": without ICE-TCP,
// which by default makes libnice wait for every check to end, and without UPnP; the rest stays as
// it is. Lines on standard input and output carry the signalling; what it marks goes to standard
// error. It sends a byte every few milliseconds from the moment at which it may, or floods.
#include <array>
#include <cstring>
#include <iostream>
#include <vector>

#include <nice/agent.h>

#include "base/server_url.hpp"
#include "tests/bench/bench_peer.hpp"

using namespace natterjack;

namespace {

constexpr guint kComponent = 1;

class NicePeer {
public:
    NicePeer(bool controlling, bool udp_only)
        : agent_(nice_agent_new_full(nullptr, NICE_COMPATIBILITY_RFC5245,
                                     NICE_AGENT_OPTION_ICE_TRICKLE)) {
        g_object_set(agent_, "controlling-mode", controlling ? TRUE : FALSE, nullptr);
        if (udp_only) g_object_set(agent_, "upnp", FALSE, "ice-tcp", FALSE, nullptr);
        stream_ = nice_agent_add_stream(agent_, 1);
        g_signal_connect(agent_, "new-candidate-full", G_CALLBACK(on_candidate), this);
        g_signal_connect(agent_, "new-selected-pair-full", G_CALLBACK(on_selected), this);
        nice_agent_attach_recv(agent_, stream_, kComponent, nullptr, on_datagram, this);
    }

    void use_stun(const HostPort& server) {
        g_object_set(agent_, "stun-server", server.host.c_str(), "stun-server-port",
                     static_cast<guint>(server.port), nullptr);
    }
    void use_turn(const TurnServer& turn) {
        nice_agent_set_relay_info(agent_, stream_, kComponent, turn.server.host.c_str(),
                                  turn.server.port, turn.user.c_str(), turn.password.c_str(),
                                  turn.transport == Transport::Tcp ? NICE_RELAY_TYPE_TURN_TCP
                                                                   : NICE_RELAY_TYPE_TURN_UDP);
    }
    void flood() { flooding_ = true; }

    void start() {
        gchar* ufrag = nullptr;
        gchar* password = nullptr;
        nice_agent_get_local_credentials(agent_, stream_, &ufrag, &password);
        std::cout << "credentials " << ufrag << ' ' << password << std::endl;
        bench::read_lines([this](const std::string& line) { hear(line); });
        nice_agent_gather_candidates(agent_, stream_);
    }

private:
    static NicePeer& of(gpointer data) { return *static_cast<NicePeer*>(data); }

    static void on_candidate(NiceAgent* agent, NiceCandidate* candidate, gpointer) {
        gchar* line = nice_agent_generate_local_candidate_sdp(agent, candidate);
        std::cout << line << std::endl;
        g_free(line);
    }

    static void on_selected(NiceAgent*, guint, guint, NiceCandidate*, NiceCandidate*,
                            gpointer data) {
        auto& self = of(data);
        if (std::exchange(self.usable_, true)) return;
        bench::mark("path");
        self.send(1);
        if (!self.flooding_) {
            bench::repeat(std::chrono::milliseconds(5), [&self] { self.send(1); });
            return;
        }
        bench::repeat(std::chrono::milliseconds(0), [&self] {
            for (int i = 0; i < 32; ++i) self.send(bench::kDatagram);
        });
    }

    static void on_datagram(NiceAgent*, guint, guint, guint size, gchar*, gpointer data) {
        auto& self = of(data);
        if (!std::exchange(self.heard_, true)) bench::mark("first-byte");
        if (size > 1) self.meter_.take(size);
    }

    void send(std::size_t size) {
        static const std::array<char, bench::kDatagram> bytes{};
        nice_agent_send(agent_, stream_, kComponent, static_cast<guint>(size), bytes.data());
    }

    void hear(const std::string& line) {
        if (line.rfind("credentials ", 0) == 0) {
            const auto gap = line.find(' ', 12);
            nice_agent_set_remote_credentials(agent_, stream_, line.substr(12, gap - 12).c_str(),
                                              line.substr(gap + 1).c_str());
            return;
        }
        NiceCandidate* candidate =
            nice_agent_parse_remote_candidate_sdp(agent_, stream_, line.c_str());
        if (candidate == nullptr) return;
        GSList* list = g_slist_append(nullptr, candidate);
        nice_agent_set_remote_candidates(agent_, stream_, kComponent, list);
        g_slist_free_full(
            list, [](gpointer each) { nice_candidate_free(static_cast<NiceCandidate*>(each)); });
    }

    NiceAgent* agent_;
    guint stream_ = 0;
    bool usable_ = false;
    bool heard_ = false;
    bool flooding_ = false;
    bench::Meter meter_;
};

} // namespace

int main(int argc, char** argv) {
    std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() < 2) return 64;
    NicePeer peer(words[0] == "offer", words[1] == "udp");
    if (words.back() == "flood") {
        peer.flood();
        words.pop_back();
    }
    if (words.size() > 2) {
        const auto stun = parse_stun_server(words[2]);
        if (!stun) return 64;
        peer.use_stun(*stun);
    }
    for (std::size_t i = 3; i < words.size(); ++i) {
        const auto turn = parse_turn_server(words[i]);
        if (!turn) return 64;
        peer.use_turn(*turn);
    }
    peer.start();
    g_main_loop_run(g_main_loop_new(nullptr, FALSE));
}
