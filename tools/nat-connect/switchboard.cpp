// SPDX-License-Identifier: MIT
#include "switchboard.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "byte_stream.hpp"
#include "datagram_flow.hpp"

namespace nat_connect {

using natterjack::Channel;
using natterjack::ChannelOptions;
using natterjack::Endpoint;
using natterjack::Errc;
using natterjack::IpAddress;
using natterjack::Result;
using natterjack::Transport;

namespace {

/// Accepted connections, or datagrams, between two looks at everything else that goes on.
constexpr int kInARow = 32;

std::string name_of(Transport transport, const HostPort& where) {
    return std::string(natterjack::to_string(transport)) + " " + to_string(where);
}

HostPort host_port_of(const Endpoint& endpoint) {
    return {endpoint.address.to_string(), endpoint.port};
}

std::optional<Note> note_of(std::span<const std::uint8_t> message, bool text) {
    if (!text) return std::nullopt;
    // NOLINTNEXTLINE(*reinterpret-cast): text is bytes
    return decode_note({reinterpret_cast<const char*>(message.data()), message.size()});
}

} // namespace

struct Switchboard::Item {
    std::optional<Channel> channel; ///< Of one who waits for a connection, or who asked to listen.
    std::unique_ptr<Dial> dial;
    std::unique_ptr<ByteStream> stream;
    std::unique_ptr<DatagramFlow> datagrams;
    std::shared_ptr<BoundSocket> listener;
    std::shared_ptr<std::map<Endpoint, Id>> clients; ///< Of a UDP listener.
};

Switchboard::Switchboard(const Options& options, Handlers handlers)
    : options_(options), handlers_(std::move(handlers)) {
}

Switchboard::~Switchboard() = default;

void Switchboard::start() {
    for (const Forward& forward : options_.forwards) {
        const Purpose purpose{Purpose::Kind::Connect, forward.transport, forward.target};
        const auto at = listen(items_[next_++], forward.transport, forward.listen, purpose);
        if (!at) return handlers_.on_failure(at.error());
        handlers_.on_listening(forward, *at, false);
    }
    for (const Forward& reverse : options_.reverses) ask_to_listen(reverse);
}

void Switchboard::handle(const Purpose& purpose, Channel channel) {
    if (items_.size() >= kMaxItems) return refuse(std::move(channel), "too many connections");
    const auto name = name_of(purpose.transport, purpose.where);
    if (purpose.kind == Purpose::Kind::Connect) {
        const bool allowed =
            std::any_of(options_.allow.begin(), options_.allow.end(), [&](const AllowRule& rule) {
                return rule.allows(purpose.transport, purpose.where);
            });
        if (allowed) return connect(purpose, purpose.where, std::move(channel));
        handlers_.on_problem("refused the peer a connection to " + name + ": no --allow for it");
        return refuse(std::move(channel), name + " is not allowed over there (see --allow)");
    }
    if (purpose.kind == Purpose::Kind::Listen) return listen_for_peer(purpose, std::move(channel));
    for (const Forward& reverse : options_.reverses) {
        if (reverse.transport == purpose.transport &&
            host_port_of(reverse.listen) == purpose.where) {
            return connect(purpose, reverse.target, std::move(channel));
        }
    }
    refuse(std::move(channel), "nobody asked to listen at " + name);
}

void Switchboard::connect(const Purpose& purpose, const HostPort& target, Channel channel) {
    const Id id = next_++;
    Item& item = items_[id];
    item.channel.emplace(std::move(channel));
    item.channel->on_closed([this, id](const auto&) { items_.erase(id); });
    item.dial =
        std::make_unique<Dial>(purpose.transport, target, [this, id, purpose](Result<Fd> socket) {
            Channel waiting = std::move(*items_.at(id).channel);
            items_.erase(id);
            if (socket) return carry(Side::Target, purpose, std::move(waiting), std::move(*socket));
            handlers_.on_problem(socket.error().message);
            refuse(std::move(waiting), socket.error().message);
        });
}

void Switchboard::carry(Side side, const Purpose& purpose, Channel channel, Fd socket) {
    const Id id = next_++;
    Item& item = items_[id];
    if (purpose.transport == Transport::Udp) {
        item.datagrams = std::make_unique<DatagramFlow>(std::move(channel), std::move(socket),
                                                        [this, id] { items_.erase(id); });
        return;
    }
    Fd output = duplicate(socket.get());
    if (!output) {
        items_.erase(id);
        return refuse(std::move(channel), "too many open files");
    }
    item.stream = std::make_unique<ByteStream>(
        std::move(channel), std::move(socket), std::move(output),
        [this, id, purpose](const ByteStream::End& end) {
            if (end.error && !end.output_closed)
                handlers_.on_problem(name_of(purpose.transport, purpose.where) + ": " + *end.error);
            items_.erase(id);
        });
    side == Side::Target ? item.stream->ready() : item.stream->hold_back();
}

Result<Endpoint> Switchboard::listen(Item& item, Transport transport, const Endpoint& at,
                                     const Purpose& purpose) {
    auto bound = BoundSocket::open(transport, at);
    if (!bound) return bound.error();
    item.listener = std::move(*bound);
    const std::weak_ptr<BoundSocket> listener = item.listener; // it owns the handlers below
    if (transport == Transport::Tcp) {
        item.listener->on_readable(
            [this, listener, purpose] { handle_connection(listener, purpose); });
    } else {
        item.clients = std::make_shared<std::map<Endpoint, Id>>();
        item.listener->on_readable([this, listener, purpose, clients = item.clients] {
            handle_datagram(listener, purpose, clients);
        });
    }
    return item.listener->local();
}

void Switchboard::handle_connection(const std::weak_ptr<BoundSocket>& weak_listener,
                                    const Purpose& purpose) {
    const auto listener = weak_listener.lock();
    for (int i = 0; i < kInARow && listener; ++i) {
        auto socket = listener->accept();
        if (!socket) {
            handlers_.on_problem(socket.error().message);
            continue;
        }
        if (!*socket) return;
        if (items_.size() >= kMaxItems) {
            handlers_.on_problem("turned a connection away: there are too many");
            continue;
        }
        if (auto channel = open_channel(purpose))
            carry(Side::Client, purpose, std::move(*channel), std::move(*socket));
    }
}

void Switchboard::handle_datagram(const std::weak_ptr<BoundSocket>& weak_listener,
                                  const Purpose& purpose,
                                  const std::shared_ptr<std::map<Endpoint, Id>>& clients) {
    const auto listener = weak_listener.lock();
    std::vector<std::uint8_t> datagram;
    Endpoint from;
    for (int i = 0; i < kInARow && listener && listener->receive(datagram, from); ++i) {
        auto known = clients->find(from);
        if (known == clients->end()) {
            if (items_.size() >= kMaxItems) continue; // as a NAT whose table is full
            auto channel = open_channel(purpose);
            if (!channel) return;
            const Id id = next_++;
            known = clients->emplace(from, id).first;
            items_[id].datagrams = std::make_unique<DatagramFlow>(
                std::move(*channel),
                [weak_listener, from](auto data) {
                    if (const auto socket = weak_listener.lock()) socket->send(data, from);
                },
                [this, id, from, clients] {
                    clients->erase(from);
                    items_.erase(id);
                });
        }
        items_.at(known->second).datagrams->send(datagram);
    }
}

void Switchboard::listen_for_peer(const Purpose& purpose, Channel channel) {
    const auto name = name_of(purpose.transport, purpose.where);
    const auto address = IpAddress::parse(purpose.where.host);
    const Endpoint at{address.value_or({}), purpose.where.port};
    const bool allowed =
        std::any_of(options_.allow_listen.begin(), options_.allow_listen.end(),
                    [&](const ListenRule& rule) { return rule.allows(purpose.transport, at); });
    if (!address || !allowed) {
        handlers_.on_problem("refused the peer to listen at " + name +
                             ": no --allow-listen for it");
        return refuse(std::move(channel),
                      "listening at " + name + " is not allowed over there (see --allow-listen)");
    }
    const Id id = next_++;
    Item& item = items_[id];
    const Purpose accepted{Purpose::Kind::Accepted, purpose.transport, purpose.where};
    const auto local = listen(item, purpose.transport, at, accepted);
    if (!local) {
        items_.erase(id);
        return refuse(std::move(channel), local.error().message);
    }
    item.channel.emplace(std::move(channel));
    item.channel->on_closed([this, id](const auto&) { items_.erase(id); });
    (void)item.channel->send_text(encode(Listening{*local}));
}

void Switchboard::ask_to_listen(const Forward& reverse) {
    const Purpose purpose{Purpose::Kind::Listen, reverse.transport, host_port_of(reverse.listen)};
    auto channel = open_channel(purpose);
    if (!channel) return;
    Item& item = items_[next_++];
    item.channel.emplace(std::move(*channel));
    item.channel->on_message([this, reverse](auto message, bool text) {
        const auto note = note_of(message, text);
        if (!note) return;
        if (const auto* listening = std::get_if<Listening>(&*note)) {
            handlers_.on_listening(reverse, listening->at, true);
        } else if (const auto* failure = std::get_if<Failure>(&*note)) {
            handlers_.on_failure(
                {Errc::Refused, "the peer does not listen for us: " + failure->message});
        }
    });
}

std::optional<Channel> Switchboard::open_channel(const Purpose& purpose) const {
    auto options = purpose.transport == Transport::Udp && purpose.kind != Purpose::Kind::Listen
                       ? DatagramFlow::channel_options()
                       : ChannelOptions{};
    options.protocol = kProtocol;
    auto channel = handlers_.open_channel(purpose, options);
    if (channel) return std::move(*channel);
    handlers_.on_problem(channel.error().message);
    return std::nullopt;
}

void Switchboard::refuse(Channel channel, const std::string& why) {
    (void)channel.send_text(encode(Failure{why}));
    channel.close();
}

} // namespace nat_connect
