// SPDX-License-Identifier: MIT
#include "peer/path_finder.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/random.hpp"
#include "net/socket_address.hpp"

namespace natterjack::peer {

namespace {

constexpr Duration kResolveLimit{3000};
constexpr std::size_t kMaxNotes = 16;

// STUN: answers come within 100 ms from almost everywhere; what was lost is asked again soon.
const std::vector<Duration> kStunRepeats = {Duration(100), Duration(300), Duration(700)};
constexpr Duration kStunLimit{1300};
// While the peer's description is waited for (a person may be pasting it) NATs must not forget us:
// the shortest time-outs that were seen in the field are 20 s (RFC 4787 section 4.3 wants 120).
constexpr Duration kStunRefresh{10'000};

// Openers die on their way: far enough to pass our own NATs, carrier's included, too near to reach
// the peer's, where some routers would make an entry of them that then stands in the way.
constexpr int kOpenerHops = 4;
constexpr Duration kOpenerInterval{1000};
constexpr int kOpenerRounds = 120;

// One datagram of few hops, without touching the socket's own TTL.
void send_with_hops(int fd, const Endpoint& to, ByteView payload, int hops) {
    auto address = net::to_socket_address(to);
    iovec data{const_cast<std::uint8_t*>(payload.data()), payload.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_name = address.raw();
    message.msg_namelen = address.length;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = to.address.is_v4() ? IPPROTO_IP : IPPROTO_IPV6;
    header->cmsg_type = to.address.is_v4() ? IP_TTL : IPV6_HOPLIMIT;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &hops, sizeof(hops));
    std::ignore = ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool same_place(const sdp::Candidate& a, const sdp::Candidate& b) {
    return a.address == b.address && a.port == b.port && a.transport == b.transport &&
           a.name == b.name;
}

} // namespace

PathFinder::PathFinder(const Loop& loop, FinderConfig config, Handlers handlers)
    : loop_(loop),
      config_(std::move(config)),
      handlers_(std::move(handlers)),
      ufrag_(net::random_text(8)),
      password_(net::random_text(24)),
      opener_timer_(loop),
      refresh_timer_(loop),
      watch_timer_(loop),
      seek_timer_(loop) {
    const auto bytes = net::random_bytes<8>();
    std::memcpy(&tie_breaker_, bytes.data(), bytes.size()); // any bits will do
}

PathFinder::~PathFinder() {
    sockets_.clear(); // they watch the agent's descriptors
}

void PathFinder::mute() {
    handlers_ = {};
    opener_timer_.stop();
    refresh_timer_.stop();
    watch_timer_.stop();
    seek_timer_.stop();
    resolutions_.clear();
    mapping_.reset();
    for (auto& socket : sockets_) socket.stun.cancel_all();
}

Result<void> PathFinder::start() {
    ice::IceAgent::Config config{.controlling = config_.controlling,
                                 .ufrag = ufrag_,
                                 .password = password_,
                                 .addresses = config_.addresses,
                                 .relay_only = config_.relay_only};
    begin_waiting(); // for this function's end
    auto agent = ice::IceAgent::create(
        loop_, config,
        {.on_candidate = [this](sdp::Candidate each) { take_local(std::move(each)); },
         .on_gathered =
             [this] {
                 if (std::exchange(relays_asked_, false)) done_waiting();
             },
         .on_selected = [this](const ice::IceAgent::Pair& pair) { take_pair(pair); },
         .on_lost =
             [this] {
                 if (path_ && handlers_.on_lost) handlers_.on_lost();
             },
         .on_datagram =
             [this](ByteView datagram) {
                 last_heard_ = net::now();
                 if (take_padded_check(datagram)) return;
                 if (handlers_.on_datagram) handlers_.on_datagram(datagram);
                 for (auto& socket : sockets_) socket.stun.look();
             }});
    if (!agent) return agent.error();
    agent_ = *std::move(agent);
    if (auto gathered = agent_->gather(); !gathered) return gathered;
    for (const auto& socket : agent_->sockets()) sockets_.emplace_back(loop_, socket);
    resolve_servers();
    if (config_.map) map_port();
    refresh_timer_.start_after(kStunRefresh, [this] { refresh_reflexive(); });
    done_waiting();
    return {};
}

void PathFinder::note(std::string what) {
    if (notes_.size() < kMaxNotes &&
        std::find(notes_.begin(), notes_.end(), what) == notes_.end()) {
        notes_.push_back(std::move(what));
    }
}

void PathFinder::done_waiting() {
    if (awaited_ == 0 || --awaited_ > 0 || gathered_) return;
    gathered_ = true;
    if (handlers_.on_gathered) handlers_.on_gathered();
}

// --- our own addresses

void PathFinder::take_local(sdp::Candidate candidate) {
    // libnice shows the address that a relay saw, too: that is what STUN servers say as well.
    emit(std::move(candidate));
}

void PathFinder::emit(sdp::Candidate candidate) {
    const bool known = std::any_of(candidates_.begin(), candidates_.end(), [&](const auto& each) {
        return same_place(each, candidate) && each.priority >= candidate.priority;
    });
    if (known) return;
    // The related address would tell what is to be hidden (RFC 8839 section 5.1: zeros and port 9).
    if (config_.relay_only && candidate.related) {
        candidate.related->address =
            candidate.related->address.is_v4() ? IpAddress() : IpAddress::v6({});
        candidate.related->port = 9;
    }
    candidates_.push_back(candidate);
    const bool hidden = config_.relay_only && candidate.type != sdp::CandidateType::Relayed;
    if (!hidden && handlers_.on_candidate) handlers_.on_candidate(candidate);
}

void PathFinder::resolve_servers() {
    const auto take = [this](const std::string& host, std::uint16_t port, auto&& use) {
        begin_waiting();
        resolutions_.push_back(std::make_unique<net::Resolution>(
            loop_, host, kResolveLimit,
            [this, port, use](Result<std::vector<IpAddress>> addresses) {
                if (addresses) {
                    // One of each family is enough: they are one server.
                    bool v4 = false;
                    bool v6 = false;
                    for (const auto& address : *addresses) {
                        if (std::exchange(address.is_v4() ? v4 : v6, true)) continue;
                        use(Endpoint{address, port});
                    }
                } else {
                    note(addresses.error().message);
                }
                done_waiting();
            }));
    };
    if (!config_.relay_only) {
        for (const auto& server : config_.stun) {
            take(server.host, server.port, [this](const Endpoint& at) { query_stun(at); });
        }
    }
    for (const auto& server : config_.turn) {
        take(server.server.host, server.server.port, [this, server](const Endpoint& at) {
            const bool family =
                std::any_of(sockets_.begin(), sockets_.end(), [&](const Socket& socket) {
                    return socket.local.address.is_v4() == at.address.is_v4();
                });
            if (!family || relays_.size() == ice::kMaxServers) return;
            relays_.push_back({at, server.transport, server.user, server.password});
            if (!std::exchange(relays_asked_, true)) begin_waiting(); // for libnice's word
            agent_->add_relay(relays_.back());
            if (server.transport == Transport::Udp) greet_relay(at);
        });
    }
}

// libnice does not tell why there is no relay. Whoever answers this is there, and did not like what
// was asked: a wrong password, mostly.
void PathFinder::greet_relay(const Endpoint& relay) {
    const auto socket = std::find_if(sockets_.begin(), sockets_.end(), [&](const Socket& each) {
        return each.local.address.is_v4() == relay.address.is_v4() &&
               each.local.address.is_loopback() == relay.address.is_loopback();
    });
    if (socket == sockets_.end()) return;
    socket->stun.ask({.to = relay, .check = {}, .repeat = kStunRepeats, .deadline = kStunLimit},
                     [this](const Result<ice::StunClient::Answer>& answer) {
                         if (answer) relay_answers_ = true;
                     });
}

void PathFinder::query_stun(const Endpoint& server) {
    const auto number = stun_servers_.size();
    stun_servers_.push_back(server);
    for (auto& socket : sockets_) {
        if (socket.local.address.is_v4() == server.address.is_v4() &&
            socket.local.address.is_loopback() == server.address.is_loopback()) {
            begin_waiting();
            ask_where(socket, number);
        }
    }
}

void PathFinder::ask_where(Socket& socket, std::size_t server) {
    socket.stun.ask(
        {.to = stun_servers_[server], .check = {}, .repeat = kStunRepeats, .deadline = kStunLimit},
        [this, &socket, server](const Result<ice::StunClient::Answer>& answer) {
            if (answer) {
                take_reflexive(socket, answer->mapped, server);
            } else if (!gathered_) {
                note("STUN: " + answer.error().message);
            }
            if (!gathered_) done_waiting();
        });
}

// The agent is not told: it sees the address itself when the peer answers a check.
void PathFinder::take_reflexive(Socket& socket, const Endpoint& mapped, std::size_t server) {
    if (socket.reflexive && socket.reflexive->address == mapped.address &&
        (!gathered_ || *socket.reflexive == mapped)) {
        return; // a NAT with a port for each server: one stands for all
    }
    socket.reflexive = mapped;
    if (mapped == socket.local || mapped.address.is_unspecified() ||
        mapped.address.is_multicast()) {
        return;
    }
    emit(derived(socket.local, mapped, kReflexivePreference, "s" + std::to_string(server)));
}

// Only the first server is asked again: what counts is that our NAT hears from us.
void PathFinder::refresh_reflexive() {
    refresh_timer_.start_after(kStunRefresh, [this] { refresh_reflexive(); });
    if (path_) return; // libnice's keepalives do it
    for (auto& socket : sockets_) {
        const auto server =
            std::find_if(stun_servers_.begin(), stun_servers_.end(), [&](const Endpoint& each) {
                return each.address.is_v4() == socket.local.address.is_v4() &&
                       each.address.is_loopback() == socket.local.address.is_loopback();
            });
        if (server != stun_servers_.end() && gathered_) {
            ask_where(socket, static_cast<std::size_t>(server - stun_servers_.begin()));
        }
    }
}

void PathFinder::map_port() {
    if (config_.relay_only || mapping_) return;
    // The gateway on the best way out leads to the socket there.
    const auto socket = std::find_if(sockets_.begin(), sockets_.end(), [](const Socket& each) {
        const auto& address = each.local.address;
        return address.is_v4() && !address.is_loopback() && !address.is_public();
    });
    if (socket == sockets_.end()) return;
    auto network = config_.network;
    network.source = socket->local.address;
    begin_waiting();
    mapping_ = std::make_unique<PortMapping>(
        loop_, std::move(network), socket->local.port,
        [this](const Result<PortMapping::Mapped>& result) { take_mapping(result); });
}

void PathFinder::take_mapping(const Result<PortMapping::Mapped>& result) {
    if (!result) {
        note("no mapped port: " + result.error().message);
        return;
    }
    const auto& internal = result->internal;
    const bool ours = std::any_of(sockets_.begin(), sockets_.end(),
                                  [&](const Socket& each) { return each.local == internal; });
    if (!ours || result->external.address.is_unspecified()) return;
    const bool first = !mapped_;
    mapped_ = *result;
    emit(derived(internal, result->external, kMappedPreference, "m"));
    if (first && handlers_.on_mapped) handlers_.on_mapped();
    update_path();
}

const sdp::Candidate* PathFinder::host_candidate(const Endpoint& base) const {
    const auto found =
        std::find_if(candidates_.begin(), candidates_.end(), [&](const sdp::Candidate& each) {
            return each.type == sdp::CandidateType::Host && each.address == base.address &&
                   each.port == base.port;
        });
    return found == candidates_.end() ? nullptr : &*found;
}

// The foundation tells pairs that need separate checks: by who told us and by the base (RFC 8445
// section 5.1.1.3).
sdp::Candidate PathFinder::derived(const Endpoint& base, const Endpoint& external,
                                   unsigned type_preference, const std::string& from) const {
    const auto* host = host_candidate(base);
    sdp::Candidate out;
    out.foundation = from + "+" + (host != nullptr ? host->foundation : "0");
    out.priority = priority_of(type_preference, host != nullptr ? host->priority >> 8U : 0);
    out.address = external.address;
    out.port = external.port;
    out.type = sdp::CandidateType::ServerReflexive;
    out.related = base;
    return out;
}

// --- the peer's addresses

void PathFinder::set_remote(const sdp::Description& remote) {
    remote_ufrag_ = remote.ufrag;
    remote_password_ = remote.password;
    // Both NATs are opened before the first check, so that none waits out a repetition.
    for (const auto& candidate : remote.candidates) {
        if (!candidate.is_name()) send_openers({candidate.address, candidate.port});
    }
    agent_->set_remote_credentials(remote.ufrag, remote.password);
    for (const auto& candidate : remote.candidates) add_remote_candidate(candidate);
    opener_timer_.start_after(kOpenerInterval, [this] { repeat_openers(); });
}

void PathFinder::add_remote_candidate(const sdp::Candidate& candidate) {
    if (candidate.transport != Transport::Udp) return;
    if (candidate.is_name()) {
        resolve_remote(candidate);
        return;
    }
    use_remote_candidate(candidate);
}

void PathFinder::use_remote_candidate(const sdp::Candidate& candidate) {
    const auto allowed = sdp::check_candidate(candidate, {config_.allow_loopback});
    if (!allowed) {
        note(allowed.error().message);
        return;
    }
    const bool known = std::any_of(remote_candidates_.begin(), remote_candidates_.end(),
                                   [&](const auto& each) { return same_place(each, candidate); });
    if (known) return;
    if (remote_candidates_.size() == kMaxRemoteCandidates) {
        cut_off_ = true;
        return;
    }
    remote_candidates_.push_back(candidate);
    send_openers({candidate.address, candidate.port});
    agent_->add_remote_candidate(candidate);
    update_path();
    if (path_ && path_->kind == PathKind::Relayed) seek_direct();
}

void PathFinder::resolve_remote(const sdp::Candidate& candidate) {
    if (std::find(remote_names_.begin(), remote_names_.end(), candidate) != remote_names_.end()) {
        return;
    }
    if (remote_names_.size() == kMaxRemoteNames) {
        cut_off_ = true;
        return;
    }
    remote_names_.push_back(candidate);
    // Multicast DNS is the system's resolver's (nss-mdns), where it has it. Else the peer's checks
    // will tell where they come from.
    if (candidate.is_mdns()) {
        note("the peer hides an address behind the name " + candidate.name +
             ", which means something on its own network only");
    }
    resolutions_.push_back(std::make_unique<net::Resolution>(
        loop_, candidate.name, kResolveLimit,
        [this, candidate](const Result<std::vector<IpAddress>>& addresses) {
            if (!addresses || addresses->empty()) {
                if (!addresses && !candidate.is_mdns()) {
                    note("the peer's address: " + addresses.error().message);
                }
                return;
            }
            auto resolved = candidate;
            resolved.name.clear();
            resolved.address = addresses->front();
            use_remote_candidate(resolved);
        }));
}

void PathFinder::send_openers(const Endpoint& to) {
    if (config_.relay_only || path_ || !to.address.is_public()) return;
    const auto opener = ice::encode_opener(net::random_bytes<12>());
    for (const auto& socket : sockets_) {
        if (socket.local.address.is_v4() != to.address.is_v4() ||
            socket.local.address.is_loopback()) {
            continue;
        }
        send_with_hops(socket.fd, to, opener, kOpenerHops);
    }
}

// The peer may need long for our description; its checks must find our NATs open all the while.
void PathFinder::repeat_openers() {
    if (path_ || ++openers_sent_ > kOpenerRounds) return;
    for (const auto& candidate : remote_candidates_) {
        if (candidate.type != sdp::CandidateType::Relayed) {
            send_openers({candidate.address, candidate.port});
        }
    }
    opener_timer_.start_after(kOpenerInterval, [this] { repeat_openers(); });
}

} // namespace natterjack::peer
