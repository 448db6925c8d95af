// SPDX-License-Identifier: MIT
#include "probe/tcp_question.hpp"

#include <utility>

#include "net/random.hpp"

namespace natterjack {

namespace {

constexpr std::uint32_t kFirstTcpPort = 49152;

} // namespace

std::uint16_t random_tcp_port() {
    return static_cast<std::uint16_t>(net::random_between(kFirstTcpPort, 65535));
}

TcpQuestion::TcpQuestion(const Loop& loop, const Endpoint& server,
                         const net::TcpStream::Options& options, TimePoint give_up_at,
                         Handler handler)
    : transaction_(net::random_bytes<12>()), handler_(std::move(handler)), timer_(loop) {
    auto stream = net::TcpStream::connect(loop, server, options,
                                          {.on_open = [this] { ask(); },
                                           .on_bytes = [this](ByteView bytes) { take(bytes); },
                                           .on_end = [this](const Error&) { finish_soon(); }});
    if (!stream) {
        finish_soon();
        return;
    }
    stream_ = *std::move(stream);
    timer_.start_at(give_up_at, [this] { finish_soon(); });
}

void TcpQuestion::ask() {
    answer_.connected = true;
    if (!stream_->send(stun::encode({.transaction = transaction_}))) finish_soon();
}

void TcpQuestion::take(ByteView bytes) {
    received_.insert(received_.end(), bytes.begin(), bytes.end());
    if (received_.size() < stun::kHeaderSize) return;
    ByteReader in(received_);
    in.skip(2);
    const std::size_t size = stun::kHeaderSize + in.read<std::uint16_t>();
    if (received_.size() < size && size <= stun::kMaxMessageSize) return;
    const auto message = stun::decode(ByteView(received_).first(std::min(size, received_.size())));
    if (message && message->transaction == transaction_ && message->kind == stun::Class::Success) {
        if (const auto mapped = stun::mapped_address(*message)) answer_.mapped = *mapped;
    }
    finish_soon();
}

// On the loop's next turn: a handler of the stream's may be running.
void TcpQuestion::finish_soon() {
    timer_.start_at(net::now(), [this] {
        if (const auto handler = std::exchange(handler_, nullptr)) handler(answer_);
    });
}

} // namespace natterjack
