// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <list>
#include <map>
#include <utility>
#include <vector>

#include <natterjack/proof_server.hpp>

#include "net/hmac.hpp"
#include "net/loop.hpp"
#include "net/random.hpp"
#include "net/tcp_stream.hpp"
#include "net/udp_socket.hpp"
#include "proto/stun_responder.hpp"
#include "wire/turn.hpp"

namespace natterjack {

namespace {

// Connections of those who ask. Behind one address there may be many hosts.
constexpr std::size_t kMaxGuests = 256;
constexpr std::ptrdiff_t kMaxGuestsEach = 16;
// RFC 8489 section 6.2.2 leaves it to who asks to end a connection; who asks nothing is not waited
// for.
constexpr Duration kGuestIdle{10'000};

// What a host of ours says about a connection, such as that it has no neighbour or no route of that
// kind, is no answer of the other side's.
UnsolicitedSyn answer_of(const net::TcpStream& stream, const Error& error) {
    if (const auto& icmp = stream.icmp()) {
        return icmp->from == stream.local().address ? UnsolicitedSyn::Unknown
                                                    : UnsolicitedSyn::Unreachable;
    }
    return error.detail == ECONNREFUSED ? UnsolicitedSyn::Reset : UnsolicitedSyn::Unknown;
}

} // namespace

/// A connection that somebody has made to ask.
struct Guest {
    Guest(const Loop& loop, std::unique_ptr<net::TcpStream> its_stream, const Endpoint& its_end,
          std::size_t where)
        : stream(std::move(its_stream)), from(its_end), at(where), limit(loop) {}
    std::unique_ptr<net::TcpStream> stream;
    Endpoint from;
    std::size_t at; // which of our endpoints
    turn::StreamSplitter splitter;
    net::Timer limit;
};

class ProofServer::State {
public:
    State(Loop loop, std::vector<std::unique_ptr<net::UdpSocket>> sockets)
        : loop_(std::move(loop)), sockets_(std::move(sockets)), responder_(options(), net::now()) {
        for (std::size_t i = 0; i < sockets_.size(); ++i) {
            sockets_[i]->on_datagram([this, i](const Endpoint& from, ByteView payload) {
                responder_.handle_datagram(net::now(), i, from, payload);
                pump();
            });
        }
    }

    /// Takes connections at each of our endpoints, too.
    Result<void> listen() {
        for (std::size_t i = 0; i < sockets_.size(); ++i) {
            auto listener = net::TcpListener::open(
                loop_, sockets_[i]->local(),
                [this, i](std::unique_ptr<net::TcpStream> stream, const Endpoint& from) {
                    take(std::move(stream), from, i);
                });
            if (!listener) return listener.error();
            listeners_.push_back(*std::move(listener));
        }
        return {};
    }

    [[nodiscard]] Endpoint local() const { return sockets_.front()->local(); }

private:
    struct Dialling {
        explicit Dialling(const Loop& loop) : limit(loop) {}
        std::unique_ptr<net::TcpStream> stream;
        net::Timer limit;
    };

    [[nodiscard]] StunResponder::Options options() const {
        StunResponder::Options out;
        for (const auto& socket : sockets_) out.endpoints.push_back(socket->local());
        out.secret = net::random_bytes<stun::kSha1Size>();
        out.hmac = net::hmac_sha1;
        return out;
    }

    void pump() {
        while (const auto answer = responder_.poll_transmit()) {
            const auto& [to, payload] = answer->datagram;
            (void)sockets_[answer->from]->send(to, payload); // a loss like any other
        }
        while (const auto dial = responder_.poll_dial()) start(*dial);
    }

    // One too many is closed at once.
    void take(std::unique_ptr<net::TcpStream> stream, const Endpoint& from, std::size_t at) {
        const auto of_this_address =
            std::count_if(guests_.begin(), guests_.end(),
                          [&](const Guest& each) { return each.from.address == from.address; });
        if (guests_.size() >= kMaxGuests || of_this_address >= kMaxGuestsEach) return;
        guests_.emplace_front(loop_, std::move(stream), from, at);
        const auto guest = guests_.begin();
        guest->limit.start_after(kGuestIdle, [this, guest] { guests_.erase(guest); });
        guest->stream->set_handlers(
            {.on_open = {},
             .on_bytes =
                 [this, guest](ByteView bytes) {
                     if (!serve(guest, bytes)) guests_.erase(guest);
                 },
             .on_end = [this, guest](const Error&) { guests_.erase(guest); }});
    }

    // False: it speaks something else, or does not read.
    bool serve(std::list<Guest>::iterator guest, ByteView bytes) {
        guest->splitter.append(bytes);
        for (;;) {
            const auto request = guest->splitter.next();
            if (!request) return false;
            if (!*request) return true;
            guest->limit.start_after(kGuestIdle, [this, guest] { guests_.erase(guest); });
            const auto answer =
                responder_.answer_in_stream(net::now(), guest->at, guest->from, **request);
            if (answer && !guest->stream->send(*answer)) return false;
        }
    }

    void start(const StunResponder::Dial& dial) {
        const auto id = dial.id;
        auto& entry = dials_.try_emplace(id, loop_).first->second;
        auto stream = net::TcpStream::connect(
            loop_, dial.to, {.bind = {sockets_[dial.from]->local().address, 0}, .heed_icmp = true},
            {.on_open =
                 [this, id, payload = dial.payload] {
                     const auto& made = dials_.at(id).stream;
                     // Lost with the connection, if that is gone already: nobody is waiting then.
                     if (!payload.empty()) (void)made->send(payload);
                     finish(id, {UnsolicitedSyn::Accepted, made->local()});
                 },
             .on_bytes = {},
             .on_end =
                 [this, id](const Error& error) {
                     finish(id, {answer_of(*dials_.at(id).stream, error), {}});
                 }});
        if (stream) {
            entry.stream = *std::move(stream);
            entry.limit.start_after(dial.limit, [this, id] {
                finish(id, {UnsolicitedSyn::Silent, {}});
            });
        } else {
            entry.limit.start_after(Duration(0), [this, id] { finish(id, {}); });
        }
    }

    // On the loop's next turn the connection ends: this is one of its handlers.
    void finish(std::uint64_t id, const StunResponder::Dialled& dialled) {
        responder_.handle_dialled(id, dialled);
        dials_.at(id).limit.start_at(net::now(), [this, id] { dials_.erase(id); });
        pump();
    }

    Loop loop_;
    std::vector<std::unique_ptr<net::UdpSocket>> sockets_;
    std::vector<std::unique_ptr<net::TcpListener>> listeners_;
    StunResponder responder_;
    std::list<Guest> guests_;
    std::map<std::uint64_t, Dialling> dials_;
};

Result<ProofServer> ProofServer::create(const Loop& loop, const ProofServerOptions& options) {
    const auto& first = options.listen;
    if (first.address.is_unspecified() || first.port == 65535) {
        return Error{Errc::InvalidArgument,
                     "name one address of this host, and a port below 65535"};
    }
    if (options.second && options.second->is_v4() != first.address.is_v4()) {
        return Error{Errc::InvalidArgument, "the two addresses must be of one family"};
    }
    std::vector<std::unique_ptr<net::UdpSocket>> sockets;
    const auto open = [&](const Endpoint& at) -> Result<void> {
        auto socket = net::UdpSocket::open(loop, {.bind = at});
        if (!socket) return socket.error();
        sockets.push_back(*std::move(socket));
        return {};
    };
    if (auto opened = open(first); !opened) return opened.error();
    const auto port = sockets.front()->local().port;
    const auto alternate = static_cast<std::uint16_t>(port + 1);
    if (auto opened = open({first.address, alternate}); !opened) return opened.error();
    if (options.second) {
        for (const auto each : {port, alternate}) {
            if (auto opened = open({*options.second, each}); !opened) return opened.error();
        }
    }
    auto state = std::make_unique<State>(loop, std::move(sockets));
    if (auto listening = state->listen(); !listening) return listening.error();
    return ProofServer(std::move(state));
}

ProofServer::ProofServer(std::unique_ptr<State> state) : state_(std::move(state)) {
}

ProofServer::ProofServer(ProofServer&&) noexcept = default;
ProofServer& ProofServer::operator=(ProofServer&&) noexcept = default;
ProofServer::~ProofServer() = default;

Endpoint ProofServer::local() const {
    return state_->local();
}

} // namespace natterjack
