// SPDX-License-Identifier: MIT
#include "strategies/ice/ice_agent.hpp"

#include <algorithm>
#include <cstring>

#include <sys/socket.h>

#include <nice/agent.h>

#include "net/loop.hpp"
#include "net/socket_address.hpp"

namespace natterjack::ice {

namespace {

constexpr guint kComponent = 1;
constexpr guint kPacing = 5; // ms, RFC 8445 section 14.2: the least
constexpr guint kMaxPairs = 150;
// TURN requests only; the rest of what libnice would ask is asked by StunClient.
constexpr guint kRelayTimeout = 250;    // ms, until the first repetition
constexpr int kReceiveBuffer = 1 << 20; // the default of 208 KiB loses bursts
constexpr int kDatagramsPerTurn = 64;

NiceAddress to_nice(const Endpoint& endpoint) {
    NiceAddress out;
    nice_address_init(&out);
    const auto address = net::to_socket_address(endpoint);
    nice_address_set_from_sockaddr(&out, address.raw());
    return out;
}

Endpoint from_nice(const NiceAddress& address) {
    net::SocketAddress out;
    nice_address_copy_to_sockaddr(&address, out.raw());
    return net::to_endpoint(out);
}

sdp::CandidateType from_nice(NiceCandidateType type) {
    switch (type) {
    case NICE_CANDIDATE_TYPE_HOST: return sdp::CandidateType::Host;
    case NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE: return sdp::CandidateType::ServerReflexive;
    case NICE_CANDIDATE_TYPE_PEER_REFLEXIVE: return sdp::CandidateType::PeerReflexive;
    case NICE_CANDIDATE_TYPE_RELAYED: return sdp::CandidateType::Relayed;
    }
    return sdp::CandidateType::Host;
}

NiceCandidateType to_nice(sdp::CandidateType type) {
    switch (type) {
    case sdp::CandidateType::Host: return NICE_CANDIDATE_TYPE_HOST;
    case sdp::CandidateType::Relayed: return NICE_CANDIDATE_TYPE_RELAYED;
    // One that was signalled is known before any check: for libnice that is server-reflexive.
    case sdp::CandidateType::ServerReflexive:
    case sdp::CandidateType::PeerReflexive: break;
    }
    return NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE;
}

sdp::Candidate from_nice(const NiceCandidate& candidate) {
    const auto at = from_nice(candidate.addr);
    sdp::Candidate out;
    out.foundation = candidate.foundation;
    out.priority = candidate.priority;
    out.address = at.address;
    out.port = at.port;
    out.type = from_nice(candidate.type);
    if (out.type != sdp::CandidateType::Host) out.related = from_nice(candidate.base_addr);
    return out;
}

/// Closes an agent in the background: gives its relays back, then drops it.
void close(const Loop& loop, NiceAgent* agent) {
    const std::shared_ptr<NiceAgent> owner(agent, [](NiceAgent* each) { g_object_unref(each); });
    auto keep = net::keep_until_done(loop, owner);
    const net::ContextScope scope(loop);
    nice_agent_close_async(
        agent,
        [](GObject*, GAsyncResult*, gpointer data) {
            const std::unique_ptr<std::function<void()>> done(
                static_cast<std::function<void()>*>(data));
            (*done)();
        },
        new std::function<void()>(std::move(keep)));
}

} // namespace

/// What libnice calls; its data is this, which lives until every signal is disconnected.
struct IceAgent::Nice {
    explicit Nice(IceAgent& agent) : owner(agent) {}
    ~Nice() {
        if (object == nullptr) return;
        g_signal_handlers_disconnect_by_data(object, this);
        // Somebody must read on: a relay's answer to being given back ends the closing, and
        // libnice would wake up for it for ever without reading it.
        nice_agent_attach_recv(
            object, stream, kComponent, net::context_of(owner.loop_),
            [](NiceAgent*, guint, guint, guint, gchar*, gpointer) {}, nullptr);
        for (GSocket* socket : held) g_object_unref(socket);
        close(owner.loop_, object);
    }
    Nice(const Nice&) = delete;
    Nice& operator=(const Nice&) = delete;

    void connect(const char* signal, GCallback callback) {
        g_signal_connect(object, signal, callback, this);
    }
    void receive() {
        nice_agent_attach_recv(object, stream, kComponent, net::context_of(owner.loop_),
                               on_datagram, this);
    }
    // libnice reads until a socket is empty, which it never is when a peer sends faster than we
    // take: everything else on the loop has its turn before it reads on.
    void pause() {
        nice_agent_attach_recv(object, stream, kComponent, net::context_of(owner.loop_), nullptr,
                               nullptr);
        owner.loop_.post([this, alive = std::weak_ptr<bool>(owner.alive_)] {
            if (!alive.expired()) receive();
        });
    }

    // No handler's object is touched after it was called: it may have destroyed everything.
    static void on_candidate(NiceAgent*, NiceCandidate* candidate, gpointer data) {
        auto& handlers = static_cast<Nice*>(data)->owner.handlers_;
        if (candidate->transport != NICE_CANDIDATE_TRANSPORT_UDP) return;
        if (handlers.on_candidate) handlers.on_candidate(from_nice(*candidate));
    }
    static void on_gathered(NiceAgent*, guint, gpointer data) {
        auto& handlers = static_cast<Nice*>(data)->owner.handlers_;
        if (handlers.on_gathered) handlers.on_gathered();
    }
    static void on_selected(NiceAgent*, guint, guint, NiceCandidate* local, NiceCandidate* remote,
                            gpointer data) {
        auto& handlers = static_cast<Nice*>(data)->owner.handlers_;
        if (!handlers.on_selected) return;
        handlers.on_selected({.local_type = from_nice(local->type),
                              .local = from_nice(local->addr),
                              .base = from_nice(local->base_addr),
                              .remote_type = from_nice(remote->type),
                              .remote = from_nice(remote->addr),
                              .local_priority = local->priority});
    }
    static void on_state(NiceAgent*, guint, guint, guint state, gpointer data) {
        auto& handlers = static_cast<Nice*>(data)->owner.handlers_;
        if (state == NICE_COMPONENT_STATE_FAILED && handlers.on_lost) handlers.on_lost();
    }
    static void on_datagram(NiceAgent*, guint, guint, guint size, gchar* bytes, gpointer data) {
        auto& nice = *static_cast<Nice*>(data);
        if (++nice.datagrams % kDatagramsPerTurn == 0) nice.pause();
        auto& handlers = nice.owner.handlers_;
        if (!handlers.on_datagram) return;
        handlers.on_datagram(ByteView(reinterpret_cast<const std::uint8_t*>(bytes), size));
    }

    IceAgent& owner;
    NiceAgent* object = nullptr;
    guint stream = 0;
    unsigned datagrams = 0; // so far
    std::vector<GSocket*> held;
};

IceAgent::IceAgent(Loop loop) : loop_(std::move(loop)) {
}

IceAgent::~IceAgent() = default;

Result<std::unique_ptr<IceAgent>> IceAgent::create(const Loop& loop, const Config& config,
                                                   Handlers handlers) {
    if (config.addresses.empty()) {
        return Error{Errc::NoNetwork, "this host has no address to reach a peer from"};
    }
    std::unique_ptr<IceAgent> out(new IceAgent(loop));
    out->handlers_ = std::move(handlers);
    out->set_up(config);
    return out;
}

void IceAgent::set_up(const Config& config) {
    nice_ = std::make_unique<Nice>(*this);
    auto* agent = nice_agent_new_full(net::context_of(loop_), NICE_COMPATIBILITY_RFC5245,
                                      NICE_AGENT_OPTION_ICE_TRICKLE);
    nice_->object = agent;
    // upnp first: it starts what cannot be stopped (RFC 6886's and 6887's gateways are ours).
    g_object_set(agent, "upnp", FALSE, nullptr);
    g_object_set(agent, "ice-tcp", FALSE, "controlling-mode", config.controlling ? TRUE : FALSE,
                 "stun-pacing-timer", kPacing, "stun-initial-timeout", kRelayTimeout,
                 "max-connectivity-checks", kMaxPairs, "keepalive-conncheck", TRUE, "force-relay",
                 config.relay_only ? TRUE : FALSE, nullptr);
    for (const auto& address : config.addresses) {
        auto nice_address = to_nice({address, 0});
        nice_agent_add_local_address(agent, &nice_address);
    }
    nice_->connect("new-candidate-full", G_CALLBACK(Nice::on_candidate));
    nice_->connect("candidate-gathering-done", G_CALLBACK(Nice::on_gathered));
    nice_->connect("new-selected-pair-full", G_CALLBACK(Nice::on_selected));
    nice_->connect("component-state-changed", G_CALLBACK(Nice::on_state));
    nice_->stream = nice_agent_add_stream(agent, 1);
    nice_agent_set_local_credentials(agent, nice_->stream, config.ufrag.c_str(),
                                     config.password.c_str());
    nice_->receive();
}

Result<void> IceAgent::gather() {
    auto* agent = nice_->object;
    const auto stream = nice_->stream;
    g_object_ref(agent); // a handler may destroy this object
    std::weak_ptr<bool> alive = alive_;
    const bool started = nice_agent_gather_candidates(agent, stream) != FALSE;
    g_object_unref(agent);
    if (alive.expired()) return {};
    if (!started) {
        return Error{Errc::NoNetwork, "none of this host's addresses can be bound"};
    }
    take_sockets();
    return {};
}

void IceAgent::add_relay(const Relay& relay) {
    const auto type =
        relay.transport == Transport::Tcp ? NICE_RELAY_TYPE_TURN_TCP : NICE_RELAY_TYPE_TURN_UDP;
    nice_agent_set_relay_info(nice_->object, nice_->stream, kComponent,
                              relay.address.address.to_string().c_str(), relay.address.port,
                              relay.user.c_str(), relay.password.c_str(), type);
}

void IceAgent::take_sockets() {
    GPtrArray* sockets = nice_agent_get_sockets(nice_->object, nice_->stream, kComponent);
    if (sockets == nullptr) return;
    for (guint i = 0; i < sockets->len; ++i) {
        auto* socket = static_cast<GSocket*>(g_ptr_array_index(sockets, i));
        if (g_socket_get_socket_type(socket) != G_SOCKET_TYPE_DATAGRAM) continue;
        const int fd = g_socket_get_fd(socket);
        net::SocketAddress local;
        if (::getsockname(fd, local.raw(), &local.length) != 0) continue;
        nice_->held.push_back(G_SOCKET(g_object_ref(socket)));
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof(kReceiveBuffer));
        sockets_.push_back({fd, net::to_endpoint(local)});
    }
    g_ptr_array_unref(sockets);
}

void IceAgent::set_remote_credentials(const std::string& ufrag, const std::string& password) {
    nice_agent_set_remote_credentials(nice_->object, nice_->stream, ufrag.c_str(),
                                      password.c_str());
}

void IceAgent::add_remote_candidate(const sdp::Candidate& candidate) {
    if (candidate.transport != Transport::Udp || candidate.is_name()) return;
    NiceCandidate* nice = nice_candidate_new(to_nice(candidate.type));
    nice->transport = NICE_CANDIDATE_TRANSPORT_UDP;
    nice->addr = to_nice({candidate.address, candidate.port});
    nice->base_addr = nice->addr;
    nice->priority = candidate.priority;
    nice->stream_id = nice_->stream;
    nice->component_id = kComponent;
    g_strlcpy(nice->foundation, candidate.foundation.c_str(), sizeof(nice->foundation));
    GSList* list = g_slist_append(nullptr, nice);
    nice_agent_set_remote_candidates(nice_->object, nice_->stream, kComponent, list);
    g_slist_free_full(
        list, [](gpointer each) { nice_candidate_free(static_cast<NiceCandidate*>(each)); });
}

bool IceAgent::send(ByteView datagram) {
    return nice_agent_send(nice_->object, nice_->stream, kComponent,
                           static_cast<guint>(datagram.size()),
                           reinterpret_cast<const gchar*>(datagram.data())) > 0;
}

} // namespace natterjack::ice
