// SPDX-License-Identifier: MIT
#include "net/tcp_stream.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/fd.hpp"
#include "net/loop.hpp"
#include "net/received_message.hpp"
#include "net/socket_address.hpp"

namespace natterjack::net {

namespace {

constexpr std::size_t kReadSize = std::size_t{16} * 1024;
/// Of a packet that an ICMP message is about: its beginning, at which nobody looks.
constexpr std::size_t kErrorSize = 64;
constexpr int kBacklog = 16;
/// Connections taken at one wake-up; what is left waits for the loop's next turn.
constexpr int kMaxAcceptsPerTurn = 16;

template<class T>
bool set_option(int fd, int level, int name, const T& value) {
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

Fd make_socket(const IpAddress& family) {
    return Fd(socket(family_of(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
}

bool confine(int fd, bool v4, unsigned interface) {
    if (interface == 0) return true;
    return v4 ? set_option(fd, IPPROTO_IP, IP_UNICAST_IF, htonl(interface))
              : set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_IF, htonl(interface));
}

bool receive_errors(int fd, bool v4) {
    constexpr int kOn = 1;
    return v4 ? set_option(fd, IPPROTO_IP, IP_RECVERR, kOn)
              : set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, kOn);
}

bool bind_to(int fd, const Endpoint& at) {
    const auto address = to_socket_address(at);
    return bind(fd, address.raw(), address.length) == 0;
}

} // namespace

struct TcpStream::State : std::enable_shared_from_this<State> {
    explicit State(Loop the_loop) : loop(std::move(the_loop)) {}

    Loop loop;
    Fd fd;
    std::unique_ptr<WriteWatch> connecting;
    std::unique_ptr<ReadWatch> reading;
    std::optional<bool> heeds_icmp_v4; // empty: it does not
    std::optional<IcmpReport> icmp;
    std::shared_ptr<const Handlers> handlers; // shared, so that one may replace or destroy them

    void watch();
    void finish_connect();
    void handle_readable();
    void end(const Error& error);
};

TcpStream::TcpStream(std::shared_ptr<State> state) : state_(std::move(state)) {
}

TcpStream::~TcpStream() {
    state_->handlers.reset();
    state_->connecting.reset();
    state_->reading.reset();
    state_->fd.reset();
}

Result<std::unique_ptr<TcpStream>> TcpStream::connect(const Loop& loop, const Endpoint& to,
                                                      const Options& options, Handlers handlers) {
    const auto what = "cannot connect to " + to.to_string();
    const auto state = std::make_shared<State>(loop);
    state->handlers = std::make_shared<const Handlers>(std::move(handlers));
    state->fd = make_socket(to.address);
    if (!state->fd) return network_error(what, errno);
    const int fd = state->fd.get();
    constexpr int kOn = 1;
    if (options.share_port && !set_option(fd, SOL_SOCKET, SO_REUSEADDR, kOn))
        return network_error(what, errno);
    if (options.heed_icmp) {
        if (!receive_errors(fd, to.address.is_v4())) return network_error(what, errno);
        state->heeds_icmp_v4 = to.address.is_v4();
    }
    const bool anywhere = options.bind.address.is_unspecified() && options.bind.port == 0;
    if (!confine(fd, to.address.is_v4(), options.interface) ||
        (!anywhere && !bind_to(fd, options.bind))) {
        return network_error(what, errno);
    }
    const auto address = to_socket_address(to);
    if (::connect(fd, address.raw(), address.length) != 0 && errno != EINPROGRESS) {
        return network_error(what, errno);
    }
    state->connecting = std::make_unique<WriteWatch>(loop, fd, [weak = std::weak_ptr(state)] {
        if (const auto self = weak.lock()) self->finish_connect();
    });
    return std::unique_ptr<TcpStream>(new TcpStream(state));
}

void TcpStream::State::finish_connect() {
    connecting.reset();
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) {
        if (heeds_icmp_v4) {
            std::array<std::uint8_t, kErrorSize> head{};
            ReceivedMessage queued(fd.get(), head, MSG_ERRQUEUE);
            if (queued.size() >= 0) icmp = icmp_report(queued, *heeds_icmp_v4);
        }
        end(network_error("the connection failed", error));
        return;
    }
    watch();
    if (const auto held = handlers; held && held->on_open) held->on_open();
}

void TcpStream::State::watch() {
    reading = std::make_unique<ReadWatch>(loop, fd.get(), [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->handle_readable();
    });
}

void TcpStream::State::handle_readable() {
    std::array<std::uint8_t, kReadSize> buffer{};
    const auto size = recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0) {
        if (errno != EAGAIN && errno != EINTR) end(network_error("the connection broke", errno));
        return;
    }
    if (size == 0) {
        end({Errc::NotFound, "the other side closed the connection"});
        return;
    }
    if (const auto held = handlers; held && held->on_bytes) {
        held->on_bytes(ByteView(buffer).first(static_cast<std::size_t>(size)));
    }
}

void TcpStream::State::end(const Error& error) {
    reading.reset();
    if (const auto held = handlers; held && held->on_end) held->on_end(error);
}

void TcpStream::set_handlers(Handlers handlers) {
    state_->handlers = std::make_shared<const Handlers>(std::move(handlers));
    if (!state_->reading && !state_->connecting) state_->watch();
}

Endpoint TcpStream::local() const {
    SocketAddress address;
    if (getsockname(state_->fd.get(), address.raw(), &address.length) != 0) return {};
    return to_endpoint(address);
}

Result<void> TcpStream::send(ByteView bytes) {
    const auto size =
        ::send(state_->fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size == static_cast<ssize_t>(bytes.size())) return {};
    return network_error("cannot send into the connection", size < 0 ? errno : EMSGSIZE);
}

const std::optional<IcmpReport>& TcpStream::icmp() const {
    return state_->icmp;
}

void TcpStream::reset_at_end() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    (void)set_option(state_->fd.get(), SOL_SOCKET, SO_LINGER, now); // else it ends as usual
}

struct TcpListener::State : std::enable_shared_from_this<State> {
    explicit State(Loop the_loop) : loop(std::move(the_loop)) {}

    Loop loop;
    Fd fd;
    std::unique_ptr<ReadWatch> watch; // gone: closed
    std::shared_ptr<const Handler> handler;

    void handle_readable();
};

TcpListener::TcpListener(std::shared_ptr<State> state) : state_(std::move(state)) {
}

TcpListener::~TcpListener() {
    state_->watch.reset();
    state_->fd.reset();
}

Result<std::unique_ptr<TcpListener>> TcpListener::open(const Loop& loop, const Endpoint& at,
                                                       Handler handler) {
    const auto what = "cannot listen at " + at.to_string();
    const auto state = std::make_shared<State>(loop);
    state->handler = std::make_shared<const Handler>(std::move(handler));
    state->fd = make_socket(at.address);
    if (!state->fd) return network_error(what, errno);
    constexpr int kOn = 1;
    const int fd = state->fd.get();
    if (!set_option(fd, SOL_SOCKET, SO_REUSEADDR, kOn) || !bind_to(fd, at) ||
        listen(fd, kBacklog) != 0) {
        auto error = network_error(what, errno);
        if (error.detail == EADDRINUSE) error.code = Errc::Conflict;
        return error;
    }
    state->watch = std::make_unique<ReadWatch>(loop, fd, [weak = std::weak_ptr(state)] {
        if (const auto self = weak.lock()) self->handle_readable();
    });
    return std::unique_ptr<TcpListener>(new TcpListener(state));
}

void TcpListener::State::handle_readable() {
    for (int i = 0; watch != nullptr && i < kMaxAcceptsPerTurn; ++i) {
        SocketAddress from;
        Fd taken(accept4(fd.get(), from.raw(), &from.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!taken) return; // none is left, or the one that was there has gone again
        auto stream = std::make_shared<TcpStream::State>(loop);
        stream->fd = std::move(taken);
        const auto held = handler;
        (*held)(std::unique_ptr<TcpStream>(new TcpStream(std::move(stream))), to_endpoint(from));
    }
}

Endpoint TcpListener::local() const {
    SocketAddress address;
    if (getsockname(state_->fd.get(), address.raw(), &address.length) != 0) return {};
    return to_endpoint(address);
}

} // namespace natterjack::net
