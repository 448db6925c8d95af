// SPDX-License-Identifier: MIT
#include "network_io.hpp"

#include <cerrno>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <gio/gio.h>

namespace nat_connect {

namespace {

using natterjack::Endpoint;
using natterjack::Errc;
using natterjack::Error;
using natterjack::IpAddress;
using natterjack::Result;
using natterjack::Transport;

constexpr std::size_t kMaxDatagram = 65536;

struct Unref {
    void operator()(gpointer object) const { g_object_unref(object); }
};
template<class T>
using Ref = std::unique_ptr<T, Unref>;

Error take_error(GError* error, const std::string& what) {
    Error out{Errc::Network, what + ": " + (error != nullptr ? error->message : "unknown")};
    g_clear_error(&error);
    return out;
}

Ref<GSocketAddress> to_glib(const Endpoint& endpoint) {
    return Ref<GSocketAddress>(
        g_inet_socket_address_new_from_string(endpoint.address.to_string().c_str(), endpoint.port));
}

Endpoint from_glib(GSocketAddress* address) {
    if (address == nullptr || !G_IS_INET_SOCKET_ADDRESS(address)) return {};
    auto* inet = G_INET_SOCKET_ADDRESS(address);
    char* text = g_inet_address_to_string(g_inet_socket_address_get_address(inet));
    std::string host = text;
    g_free(text);
    if (g_socket_address_get_family(address) == G_SOCKET_FAMILY_IPV6) {
        const auto scope = g_inet_socket_address_get_scope_id(inet);
        if (scope != 0) host += "%" + std::to_string(scope);
    }
    const auto parsed = IpAddress::parse(host);
    if (!parsed) return {};
    return {*parsed, g_inet_socket_address_get_port(inet)};
}

/// A descriptor of our own for \a socket, which GIO made non-blocking.
Fd descriptor_of(GSocket* socket) {
    Fd fd = duplicate(g_socket_get_fd(socket));
    if (!fd) return fd;
    set_nonblocking(fd.get());
    if (g_socket_get_socket_type(socket) == G_SOCKET_TYPE_STREAM)
        g_socket_set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, nullptr);
    return fd;
}

} // namespace

struct Dial::State {
    Ref<GCancellable> cancellable{g_cancellable_new()};
    Handler done;
    std::string name;

    static void handle_connected(GObject* client, GAsyncResult* result, gpointer data) {
        const std::unique_ptr<std::shared_ptr<State>> state(
            static_cast<std::shared_ptr<State>*>(data));
        GError* error = nullptr;
        const Ref<GSocketConnection> connection(
            g_socket_client_connect_finish(G_SOCKET_CLIENT(client), result, &error));
        const auto done = std::exchange((*state)->done, nullptr);
        if (!done) { // cancelled
            g_clear_error(&error);
            return;
        }
        if (!connection) return done(take_error(error, "cannot connect to " + (*state)->name));
        Fd fd = descriptor_of(g_socket_connection_get_socket(connection.get()));
        if (!fd) return done(Error{Errc::Network, "too many open files", errno});
        done(std::move(fd));
    }
};

Dial::Dial(Transport transport, const HostPort& target, Handler done)
    : state_(std::make_shared<State>()) {
    state_->done = std::move(done);
    state_->name = to_string(target);
    const Ref<GSocketClient> client(g_socket_client_new());
    const bool tcp = transport == Transport::Tcp;
    g_socket_client_set_socket_type(client.get(),
                                    tcp ? G_SOCKET_TYPE_STREAM : G_SOCKET_TYPE_DATAGRAM);
    g_socket_client_set_protocol(client.get(), tcp ? G_SOCKET_PROTOCOL_TCP : G_SOCKET_PROTOCOL_UDP);
    g_socket_client_set_enable_proxy(client.get(), FALSE);
    g_socket_client_set_timeout(client.get(), kLimit.count());
    const Ref<GSocketConnectable> address(g_network_address_new(target.host.c_str(), target.port));
    g_socket_client_connect_async(client.get(), address.get(), state_->cancellable.get(),
                                  State::handle_connected, new std::shared_ptr<State>(state_));
}

Dial::~Dial() {
    state_->done = nullptr;
    g_cancellable_cancel(state_->cancellable.get());
}

Result<std::unique_ptr<BoundSocket>> BoundSocket::open(Transport transport, const Endpoint& at) {
    const bool tcp = transport == Transport::Tcp;
    const std::string what =
        "cannot listen at " + std::string(to_string(transport)) + " " + at.to_string();
    GError* error = nullptr;
    std::unique_ptr<BoundSocket> out(new BoundSocket);
    out->socket_ = g_socket_new(at.address.is_v4() ? G_SOCKET_FAMILY_IPV4 : G_SOCKET_FAMILY_IPV6,
                                tcp ? G_SOCKET_TYPE_STREAM : G_SOCKET_TYPE_DATAGRAM,
                                G_SOCKET_PROTOCOL_DEFAULT, &error);
    if (out->socket_ == nullptr) return take_error(error, what);
    g_socket_set_blocking(out->socket_, FALSE);
    const auto address = to_glib(at);
    if (!address) return Error{Errc::InvalidArgument, what + ": not an address of ours"};
    if (g_socket_bind(out->socket_, address.get(), tcp ? TRUE : FALSE, &error) == 0 ||
        (tcp && g_socket_listen(out->socket_, &error) == 0)) {
        return take_error(error, what);
    }
    const Ref<GSocketAddress> local(g_socket_get_local_address(out->socket_, nullptr));
    out->local_ = from_glib(local.get());
    if (tcp) out->spare_ = open_nothing();
    return out;
}

BoundSocket::~BoundSocket() {
    watch_.reset();
    if (socket_ != nullptr) g_object_unref(socket_);
}

void BoundSocket::on_readable(std::function<void()> handler) {
    watch_ = std::make_unique<FdWatch>(g_socket_get_fd(socket_), FdWatch::For::Reading,
                                       std::move(handler));
}

Result<Fd> BoundSocket::accept() {
    const Error too_many{Errc::Network, "turned a connection away: too many open files", EMFILE};
    GError* error = nullptr;
    const Ref<GSocket> taken(g_socket_accept(socket_, nullptr, &error));
    if (taken) {
        Fd out = descriptor_of(taken.get());
        if (!out) return too_many;
        return out;
    }
    const bool full = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES) != 0;
    g_clear_error(&error);
    if (!full || !spare_) return Fd();
    spare_.reset();
    const Ref<GSocket> dropped(g_socket_accept(socket_, nullptr, nullptr));
    if (dropped) g_socket_close(dropped.get(), nullptr);
    spare_ = open_nothing();
    return too_many;
}

bool BoundSocket::receive(std::vector<std::uint8_t>& data, Endpoint& from) {
    data.resize(kMaxDatagram);
    GSocketAddress* source = nullptr;
    // NOLINTNEXTLINE(*reinterpret-cast): GIO's bytes are gchar
    const auto length = g_socket_receive_from(
        socket_, &source, reinterpret_cast<gchar*>(data.data()), data.size(), nullptr, nullptr);
    const Ref<GSocketAddress> owner(source);
    if (length < 0) return false;
    from = from_glib(source);
    data.resize(static_cast<std::size_t>(length));
    return true;
}

void BoundSocket::send(std::span<const std::uint8_t> data, const Endpoint& to) {
    const auto address = to_glib(to);
    if (!address) return;
    // NOLINTNEXTLINE(*reinterpret-cast): GIO's bytes are gchar
    g_socket_send_to(socket_, address.get(), reinterpret_cast<const gchar*>(data.data()),
                     data.size(), nullptr, nullptr);
}

} // namespace nat_connect
