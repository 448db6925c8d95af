// SPDX-License-Identifier: MIT
// What the kernel alone does between two hosts: `raw_peer udp|tcp ADDRESS PORT [flood]`. Without
// "flood" it listens there and measures; marks as nice_peer.
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/bench/bench_peer.hpp"

using namespace natterjack;

namespace {

constexpr int kBuffer = 1 << 20; // as our sockets have it
constexpr std::size_t kPiece = 65536;

int fail(const char* what) {
    std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
    return 1;
}

int flood(int fd, std::size_t size) {
    const std::vector<char> bytes(size);
    for (;;) {
        if (::send(fd, bytes.data(), size, MSG_NOSIGNAL) < 0 && errno != ECONNREFUSED &&
            errno != ENOBUFS) {
            return fail("send");
        }
    }
}

int measure(int fd) {
    bench::Meter meter;
    std::vector<char> bytes(kPiece);
    for (bool first = true;; first = false) {
        const auto size = ::recv(fd, bytes.data(), bytes.size(), 0);
        if (size <= 0) return fail("recv");
        if (first) bench::mark("first-byte");
        meter.take(static_cast<std::size_t>(size));
    }
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() < 3) return 64;
    const bool tcp = words[0] == "tcp";
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(std::stoi(words[2])));
    if (::inet_pton(AF_INET, words[1].c_str(), &at.sin_addr) != 1) return 64;
    const auto* const address = reinterpret_cast<const sockaddr*>(&at);
    const int fd = ::socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    if (words.size() > 3) {
        if (::connect(fd, address, sizeof(at)) != 0) return fail("connect");
        return flood(fd, tcp ? kPiece : bench::kDatagram);
    }
    const int on = 1; // the port of the round before may be in TIME_WAIT
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (!tcp) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof(kBuffer));
    if (::bind(fd, address, sizeof(at)) != 0) return fail("bind");
    if (tcp && ::listen(fd, 1) != 0) return fail("listen");
    bench::mark("ready");
    return measure(tcp ? ::accept(fd, nullptr, nullptr) : fd);
}
