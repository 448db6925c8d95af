// SPDX-License-Identifier: MIT
#include "traversal/prover.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace natterjack {

namespace {

// Once a server is ready, the others have as long again, and this at least: a knock in vain takes
// half a second once a server has answered.
constexpr Duration kReadyLimit{800};
// For the first answer of a server: a third of the time that there is, within these. Where all are
// dead the mapping waits as long as that.
constexpr Duration kLeastForAnswer{1000};
constexpr Duration kMostForAnswer{3000};
// Connections that the listener takes while a server's is awaited; more are strangers'.
constexpr std::size_t kMaxAccepted = 16;
// A token, or the message of a server that has dialled back, is no longer.
constexpr std::size_t kMaxHead = stun::kHeaderSize;

} // namespace

Prover::Prover(Loop loop, Request request, TimePoint deadline)
    : loop_(std::move(loop)),
      request_(std::move(request)),
      deadline_(deadline),
      started_(net::now()),
      check_timer_(loop_),
      ready_timer_(loop_),
      end_timer_(loop_) {
    end_timer_.start_at(deadline_, [this] { check(); });
    if (const auto listening = listen(); !listening) {
        troubles_.push_back(listening.error().message);
        return;
    }
    for (const HostPort& server : request_.stun) {
        if (unresolved_ == kMaxServers) break;
        resolve(server, [this](const Endpoint& at) {
            add(request_.transport == Transport::Udp ? make_stun_run(parts(), at)
                                                     : make_dial_back_run(parts(), at));
        });
    }
    for (std::size_t i = 0; i < request_.turn.size() && i < kMaxServers; ++i) {
        const auto& login = request_.turn[i];
        resolve(login.server, [this, login](const Endpoint& at) {
            add(request_.transport == Transport::Udp ? make_turn_run(parts(), at, login)
                                                     : make_turn_tcp_run(parts(), at, login));
        });
    }
    if (unresolved_ == 0) {
        troubles_.emplace_back(request_.transport == Transport::Udp
                                   ? "no STUN or TURN server was named that could try it"
                                   : "no STUN or TURN server was named that could connect to it");
    }
}

Prover::~Prover() = default;

Result<void> Prover::listen() {
    const auto& at = request_.internal;
    if (request_.transport == Transport::Tcp) {
        auto listener = net::TcpListener::open(
            loop_, at, [this](std::unique_ptr<net::TcpStream> stream, const Endpoint& from) {
                take(std::move(stream), from);
            });
        if (listener && request_.application_only) {
            return Error{Errc::NotFound, "nobody listens at " + at.to_string()};
        }
        if (listener) {
            tcp_listener_ = *std::move(listener);
        } else if (listener.error().code == Errc::Conflict) {
            application_listens_ = true;
        } else {
            return listener.error();
        }
        return {};
    }
    auto socket = net::UdpSocket::open(loop_, {.bind = at, .interface = request_.interface});
    if (!socket) {
        auto error = socket.error();
        if (error.detail == EADDRINUSE) {
            error.message += ": to be proved, a UDP port must not be in use; end the program that "
                             "has it while this runs";
        }
        return error;
    }
    udp_listener_ = *std::move(socket);
    udp_listener_->on_datagram([this](const Endpoint& from, ByteView payload) {
        for (auto& each : runs_) each.run->handle_datagram(from, payload);
    });
    return {};
}

ProofRunParts Prover::parts() {
    return {.loop = loop_,
            .source = request_.internal.address,
            .internal_port = request_.internal.port,
            .interface = request_.interface,
            .early_port = request_.early_port,
            .application_listens = application_listens_,
            .ready_limit =
                std::clamp(std::chrono::duration_cast<Duration>(deadline_ - started_) / 3,
                           kLeastForAnswer, kMostForAnswer),
            .connect_limit = request_.connect_limit,
            .contacted = contacted_,
            .on_change = [this] { check(); }};
}

void Prover::resolve(const HostPort& server, std::function<void(const Endpoint&)> found) {
    ++unresolved_;
    const auto limit = std::chrono::duration_cast<Duration>(deadline_ - net::now());
    resolutions_.emplace_back(
        loop_, server.host, std::max(limit, Duration(1)),
        [this, server, found = std::move(found)](const Result<std::vector<IpAddress>>& addresses) {
            --unresolved_;
            const bool v4 = request_.internal.address.is_v4();
            const auto all = addresses.value_or({});
            const auto chosen = std::find_if(
                all.begin(), all.end(), [&](const IpAddress& each) { return each.is_v4() == v4; });
            if (chosen == all.end()) {
                troubles_.push_back("there is no server " + server.host);
            } else {
                contacted_->push_back({*chosen, server.port});
                found({*chosen, server.port});
            }
            check();
        });
}

void Prover::add(std::unique_ptr<ProofRun> run) {
    runs_.push_back({std::move(run), false});
}

void Prover::take(std::unique_ptr<net::TcpStream> stream, const Endpoint& from) {
    if (accepted_.size() == kMaxAccepted) return;
    stream->reset_at_end(); // so that the application can have the port at once
    auto& entry = accepted_.emplace_back(Accepted{std::move(stream), from, {}});
    entry.stream->set_handlers({.on_open = {},
                                .on_bytes =
                                    [this, &entry](ByteView bytes) {
                                        const auto room = kMaxHead - entry.head.size();
                                        bytes = bytes.first(std::min(room, bytes.size()));
                                        entry.head.insert(entry.head.end(), bytes.begin(),
                                                          bytes.end());
                                        for (auto& each : runs_)
                                            each.run->handle_accepted(entry.from, entry.head);
                                    },
                                .on_end = {}});
}

void Prover::when_ready(std::function<void()> handler) {
    on_ready_ = std::move(handler);
    check();
}

void Prover::prove(const Endpoint& external, std::function<void(ProofVerdict)> handler) {
    external_ = external;
    on_verdict_ = std::move(handler);
    check();
}

// Something has changed, perhaps inside one of our own calls: looked at on the loop's next turn.
void Prover::check() {
    check_timer_.start_at(net::now(), [this] { look(); });
}

void Prover::look() {
    if (on_ready_ && is_ready()) {
        ready_timer_.stop();
        const auto handler = std::exchange(on_ready_, nullptr);
        handler(); // may destroy this
        return;
    }
    if (!on_verdict_) return;
    start_proofs();
    const bool late = net::now() >= deadline_;
    if (auto found = verdict(late)) settle(*std::move(found));
}

bool Prover::is_ready() {
    if (request_.early_port == 0 || request_.transport == Transport::Tcp) return true;
    const auto now = net::now();
    bool all = unresolved_ == 0;
    for (const auto& each : runs_) {
        const bool ready = each.run->is_ready();
        if (ready && !others_until_) {
            others_until_ = std::max(started_ + kReadyLimit, now + (now - started_));
            ready_timer_.start_at(*others_until_, [this] { check(); });
        }
        all = all && (ready || each.run->result());
    }
    return all || (others_until_ && now >= *others_until_) || now >= deadline_;
}

void Prover::start_proofs() {
    const bool early = request_.early_port != 0 && request_.transport == Transport::Udp;
    const bool first_choices_are_over =
        unresolved_ == 0 && std::all_of(runs_.begin(), runs_.end(), [](const Run& each) {
            return each.run->is_second_choice() || each.run->result();
        });
    for (auto& each : runs_) {
        if (each.asked || !each.run->is_ready()) continue;
        if (each.run->is_second_choice() && !first_choices_are_over) continue;
        each.asked = true;
        each.run->prove(*external_);
    }
    if (!early) return;
    // The mapping is there: for a server that has not knocked before it, it is too late.
    std::erase_if(runs_, [](const Run& each) {
        return !each.asked && !each.run->is_ready() && !each.run->result();
    });
}

std::optional<ProofVerdict> Prover::verdict(bool final) const {
    std::optional<ProofVerdict> refuted;
    Finding<UnsolicitedSyn> syn;
    Endpoint external;
    bool pending = unresolved_ > 0;
    std::string reasons;
    const auto add_reason = [&](const std::string& reason) {
        reasons += (reasons.empty() ? "" : "; ") + reason;
    };
    for (const auto& trouble : troubles_) add_reason(trouble);
    for (const auto& each : runs_) {
        const auto& result = each.run->result();
        if (!result) {
            pending = true;
            continue;
        }
        if (result->proof == Proof::Proved) return *result;
        if (external == Endpoint()) external = result->external;
        if (result->syn.confidence > syn.confidence) syn = result->syn;
        if (result->proof == Proof::Refuted) refuted = *result;
        if (result->proof == Proof::Claimed) add_reason(result->evidence);
    }
    // Of what was refuted by a better witness a second choice need not be asked.
    if (pending && !final && !refuted) return std::nullopt;
    if (refuted) return refuted;
    if (pending) add_reason("the time was over before there was an answer");
    if (reasons.empty()) reasons = "no server was ready in time";
    return ProofVerdict{Proof::Claimed, ProofLevel::None, std::move(reasons), external,
                        std::move(syn)};
}

void Prover::settle(ProofVerdict verdict) {
    check_timer_.stop();
    ready_timer_.stop();
    end_timer_.stop();
    const auto handler = std::exchange(on_verdict_, nullptr);
    handler(std::move(verdict)); // may destroy this
}

} // namespace natterjack
