// SPDX-License-Identifier: MIT
#include "tests/support/scripted_http_server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "net/fd.hpp"
#include "net/loop.hpp"
#include "net/socket_address.hpp"

namespace natterjack::test {

namespace {

// Takes one whole request off the front of what was received, if there is one.
std::optional<ScriptedRequest> take_request(std::string& received) {
    const auto head_end = received.find("\r\n\r\n");
    if (head_end == std::string::npos) return std::nullopt;
    ScriptedRequest request;
    std::string_view head(received.data(), head_end);
    request.head = head;
    const auto take_line = [&head] {
        const auto end = head.find("\r\n");
        const auto line = head.substr(0, end);
        head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
        return line;
    };
    const auto first = take_line();
    const auto space = first.find(' ');
    request.method = first.substr(0, space);
    request.path = first.substr(space + 1, first.rfind(' ') - space - 1);
    while (!head.empty()) {
        const auto line = take_line();
        const auto colon = line.find(':');
        std::string name(line.substr(0, colon));
        for (auto& c : name) c = ascii_lower(c);
        request.headers[name] = trim(line.substr(colon + 1));
    }
    std::size_t length = 0;
    if (const auto found = request.headers.find("content-length"); found != request.headers.end()) {
        std::from_chars(found->second.data(), found->second.data() + found->second.size(), length);
    }
    const auto body_start = head_end + 4;
    if (received.size() < body_start + length) return std::nullopt;
    request.body = received.substr(body_start, length);
    received.erase(0, body_start + length);
    return request;
}

std::string head_of(const ScriptedResponse& response) {
    std::string head = "HTTP/1.1 " + std::to_string(response.status) + " Scripted\r\n";
    head += "Content-Type: " + response.content_type + "\r\n";
    if (!response.endless) {
        head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
    }
    for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
    if (response.close_after || response.endless) head += "Connection: close\r\n";
    return head + "\r\n";
}

} // namespace

class ScriptedHttpServer::State {
public:
    State(Loop loop, const Endpoint& listen_at, Handler handler)
        : loop_(std::move(loop)), handler_(std::move(handler)) {
        fd_ = net::Fd(socket(net::family_of(listen_at.address),
                             SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        const int on = 1;
        setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        const auto address = net::to_socket_address(listen_at);
        EXPECT_EQ(bind(fd_.get(), address.raw(), address.length), 0) << std::strerror(errno);
        EXPECT_EQ(listen(fd_.get(), SOMAXCONN), 0) << std::strerror(errno);
        watch_.emplace(loop_, fd_.get(), [this] { accept_one(); });
    }

    [[nodiscard]] Endpoint endpoint() const {
        net::SocketAddress address;
        EXPECT_EQ(getsockname(fd_.get(), address.raw(), &address.length), 0);
        return net::to_endpoint(address);
    }
    [[nodiscard]] int accepted() const { return accepted_; }
    [[nodiscard]] int open() const { return static_cast<int>(connections_.size()); }

private:
    struct Connection {
        Connection(const Loop& loop, net::Fd taken, Endpoint from)
            : fd(std::move(taken)), peer(from), timer(loop) {}
        net::Fd fd;
        Endpoint peer;
        std::string received;
        std::string to_send;
        ScriptedResponse response;
        bool busy = false;
        int reads = 0; // since the last request
        net::Timer timer;
        std::optional<net::ReadWatch> watch;
    };

    void accept_one() {
        net::SocketAddress peer;
        net::Fd fd(accept4(fd_.get(), peer.raw(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd) return;
        const int on = 1;
        setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        ++accepted_;
        const auto id = next_id_++;
        const int number = fd.get();
        auto connection =
            std::make_unique<Connection>(loop_, std::move(fd), net::to_endpoint(peer));
        connection->watch.emplace(loop_, number, [this, id] { read_from(id); });
        connections_.emplace(id, std::move(connection));
    }

    void read_from(int id) {
        auto& connection = *connections_.at(id);
        std::array<char, 16384> buffer{};
        const auto count = recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) {
            connections_.erase(id);
            return;
        }
        connection.received.append(buffer.data(), static_cast<std::size_t>(count));
        ++connection.reads;
        answer_next(id);
    }

    void answer_next(int id) {
        auto& connection = *connections_.at(id);
        if (connection.busy) return;
        auto request = take_request(connection.received);
        if (!request) return;
        request->peer = connection.peer;
        request->in_one_segment = std::exchange(connection.reads, 0) <= 1;
        connection.busy = true;
        connection.response = handler_(*request);
        const auto& response = connection.response;
        if (response.silent) return;
        if (response.reset) {
            connections_.erase(id);
            return;
        }
        connection.to_send =
            response.raw.empty() ? head_of(response) + response.body : response.raw;
        connection.timer.start_after(response.delay, [this, id] { send_some(id); });
    }

    // What the socket takes now; the rest soon.
    void send_some(int id) {
        auto& connection = *connections_.at(id);
        const auto& response = connection.response;
        const bool slowly = response.per_byte.count() > 0;
        const auto wanted = slowly ? std::size_t{1} : connection.to_send.size();
        const auto count =
            send(connection.fd.get(), connection.to_send.data(), wanted, MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN) {
            connections_.erase(id);
            return;
        }
        connection.to_send.erase(0, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        if (response.endless && connection.to_send.empty()) connection.to_send = response.body;
        if (!connection.to_send.empty()) {
            constexpr Duration kSoon{1};
            connection.timer.start_after(slowly ? response.per_byte : kSoon,
                                         [this, id] { send_some(id); });
        } else if (!response.raw.empty() || response.close_after) {
            connections_.erase(id);
        } else {
            connection.busy = false;
            answer_next(id);
        }
    }

    Loop loop_;
    Handler handler_;
    net::Fd fd_;
    std::optional<net::ReadWatch> watch_;
    std::map<int, std::unique_ptr<Connection>> connections_;
    int next_id_ = 0;
    int accepted_ = 0;
};

ScriptedHttpServer::ScriptedHttpServer(const Loop& loop, const Endpoint& listen, Handler handler)
    : state_(std::make_shared<State>(loop, listen, std::move(handler))) {
}

ScriptedHttpServer::~ScriptedHttpServer() = default;

Endpoint ScriptedHttpServer::endpoint() const {
    return state_->endpoint();
}

int ScriptedHttpServer::accepted() const {
    return state_->accepted();
}

int ScriptedHttpServer::open() const {
    return state_->open();
}

} // namespace natterjack::test
