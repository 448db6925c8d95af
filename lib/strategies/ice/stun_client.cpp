// SPDX-License-Identifier: MIT
#include "strategies/ice/stun_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/socket.h>

#include <glib.h>

#include "net/random.hpp"
#include "net/socket_address.hpp"

namespace natterjack::ice {

namespace {

// A relay's wrapping: TURN's Data indication with its address, or four bytes of ChannelData (RFC
// 8656 sections 11.6 and 12.4).
constexpr std::size_t kMaxWrapping = 64;
constexpr std::size_t kPeek = 576; // more than any answer to Binding

// Its id has been compared already.
Result<Endpoint> read_answer(ByteView datagram) {
    const auto message = stun::decode(datagram);
    if (!message) return message.error();
    if (message->kind == stun::Class::Success) return stun::mapped_address(*message);
    const auto refused = stun::error_code(*message);
    const int code = refused ? refused->code : 0;
    return Error{Errc::Refused, "the STUN server answers with error " + std::to_string(code), code};
}

} // namespace

struct StunClient::Pending {
    Pending(const Loop& loop, Request what, Handler call)
        : request(std::move(what)), handler(std::move(call)), timer(loop) {}

    Request request;
    Handler handler;
    stun::TransactionId id = net::random_bytes<12>();
    std::vector<std::uint8_t> message;
    TimePoint first{};
    TimePoint latest{};
    std::size_t transmissions = 0;
    int refused = 0; // errno, while nothing could be sent
    net::Timer timer;
};

/// A source that is ready only when the datagram at the head of the queue is for us.
struct StunClient::Tap {
    struct Source {
        GSource base;
        StunClient* client;
        GPollFD poll;
    };

    explicit Tap(StunClient& client) {
        source = g_source_new(functions(), sizeof(Source));
        auto* own = reinterpret_cast<Source*>(source);
        own->client = &client;
        // Not g_source_add_unix_fd(): that makes a source ready whatever check() says.
        own->poll = {client.fd_, G_IO_IN, 0};
        g_source_add_poll(source, &own->poll);
        g_source_set_priority(source, G_PRIORITY_HIGH); // before libnice's
        g_source_attach(source, net::context_of(client.loop_));
    }
    ~Tap() {
        g_source_destroy(source);
        g_source_unref(source);
    }
    Tap(const Tap&) = delete;
    Tap& operator=(const Tap&) = delete;

    static GSourceFuncs* functions() {
        static GSourceFuncs functions = {
            nullptr,
            [](GSource* itself) -> gboolean {
                auto* own = reinterpret_cast<Source*>(itself);
                const bool ready = (own->poll.revents & G_IO_IN) != 0 && own->client->has_answer();
                return ready ? TRUE : FALSE;
            },
            [](GSource* itself, GSourceFunc, gpointer) -> gboolean {
                reinterpret_cast<Source*>(itself)->client->take_answer();
                return G_SOURCE_CONTINUE; // no effect when take_answer() destroyed it
            },
            nullptr,
            nullptr,
            nullptr,
        };
        return &functions;
    }

    GSource* source = nullptr;
};

StunClient::StunClient(Loop loop, int fd) : loop_(std::move(loop)), fd_(fd) {
}

StunClient::~StunClient() = default;

void StunClient::ask(Request request, Handler handler) {
    auto& pending = pending_.emplace_back(loop_, std::move(request), std::move(handler));
    pending.message = pending.request.check
                          ? encode_check(pending.id, *pending.request.check)
                          : stun::encode({.transaction = pending.id, .attributes = {}});
    pending.first = net::now();
    update_tap();
    transmit(pending);
}

void StunClient::cancel_all() {
    pending_.clear();
    update_tap();
}

void StunClient::transmit(Pending& pending) {
    ++pending.transmissions;
    pending.latest = net::now();
    if (pending.request.send) {
        pending.request.send(pending.message);
    } else {
        const auto to = net::to_socket_address(pending.request.to);
        const auto sent = ::sendto(fd_, pending.message.data(), pending.message.size(),
                                   MSG_DONTWAIT | MSG_NOSIGNAL, to.raw(), to.length);
        pending.refused = sent < 0 ? errno : 0;
    }
    schedule(pending);
}

void StunClient::schedule(Pending& pending) {
    const auto& repeat = pending.request.repeat;
    const std::size_t next = pending.transmissions - 1;
    if (next < repeat.size() && repeat[next] < pending.request.deadline) {
        pending.timer.start_at(pending.first + repeat[next],
                               [this, &pending] { transmit(pending); });
        return;
    }
    pending.timer.start_at(pending.first + pending.request.deadline, [this, &pending] {
        const auto where = std::find_if(pending_.begin(), pending_.end(),
                                        [&](const Pending& each) { return &each == &pending; });
        const auto server = pending.request.to.to_string();
        auto error = pending.refused != 0 ? net::network_error("asking " + server, pending.refused)
                                          : Error{Errc::Timeout, server + " does not answer"};
        const auto call = std::move(pending.handler);
        pending_.erase(where);
        update_tap();
        call(std::move(error));
    });
}

// Looks at the head of the queue and leaves it there.
std::list<StunClient::Pending>::iterator StunClient::find_answered() {
    std::array<std::uint8_t, kPeek> head{};
    net::SocketAddress from;
    const auto size = ::recvfrom(fd_, head.data(), head.size(), MSG_PEEK | MSG_DONTWAIT, from.raw(),
                                 &from.length);
    if (size <= 0) return pending_.end();
    const ByteView bytes = ByteView(head).first(static_cast<std::size_t>(size));
    const auto source = net::to_endpoint(from);
    const auto id = response_id(bytes);
    return std::find_if(pending_.begin(), pending_.end(), [&](const Pending& each) {
        if (!each.request.send) return id == each.id && source == each.request.to;
        const auto limit = std::min(bytes.size(), kMaxWrapping + stun::kHeaderSize);
        const auto end = bytes.begin() + static_cast<std::ptrdiff_t>(limit);
        return std::search(bytes.begin(), end, each.id.begin(), each.id.end()) != end;
    });
}

bool StunClient::has_answer() {
    return find_answered() != pending_.end();
}

void StunClient::take_answer() {
    const auto found = find_answered();
    if (found == pending_.end()) return;
    if (found->request.send) {
        finish(found, Endpoint());
        return;
    }
    std::array<std::uint8_t, kPeek> datagram{};
    const auto size = ::recv(fd_, datagram.data(), datagram.size(), MSG_DONTWAIT);
    if (size < 0) return;
    auto mapped = read_answer(ByteView(datagram).first(static_cast<std::size_t>(size)));
    if (!mapped && mapped.error().code != Errc::Refused) return; // forged or broken: ignored
    finish(found, std::move(mapped));
}

void StunClient::take_answer(const stun::TransactionId& id) {
    const auto found = std::find_if(pending_.begin(), pending_.end(), [&](const Pending& each) {
        return each.request.send && each.id == id;
    });
    if (found != pending_.end()) finish(found, Endpoint());
}

void StunClient::finish(std::list<Pending>::iterator found, Result<Endpoint> mapped) {
    const auto round_trip =
        std::chrono::duration_cast<std::chrono::microseconds>(net::now() - found->latest);
    Result<Answer> result = Answer{};
    if (mapped) {
        result = Answer{*mapped, round_trip, found->transmissions > 1};
    } else {
        result = mapped.error();
    }
    const auto call = std::move(found->handler);
    pending_.erase(found);
    update_tap();
    call(std::move(result));
}

void StunClient::update_tap() {
    if (pending_.empty()) {
        tap_.reset();
    } else if (!tap_) {
        tap_ = std::make_unique<Tap>(*this);
    }
}

} // namespace natterjack::ice
