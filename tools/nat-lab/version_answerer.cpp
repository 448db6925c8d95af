// SPDX-License-Identifier: MIT
#include "version_answerer.hpp"

#include <array>
#include <cerrno>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "gateway_ports.hpp"
#include "process.hpp"

namespace natterjack::lab {

Result<UniqueFd> open_version_answerer(const std::string& address) {
    UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(kVersionAnswerPort);
    if (!socket || ::inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1 ||
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), // NOLINT: bind's type
               sizeof name) != 0) {
        return Error{Errc::Unsupported, "cannot listen on " + address + ": " + errno_text(errno),
                     errno};
    }
    return socket;
}

void run_version_answerer(Speaks speaks, int socket) {
    const auto start = std::chrono::steady_clock::now();
    std::array<std::uint8_t, 2048> buffer{};
    for (;;) {
        sockaddr_in name{};
        socklen_t length = sizeof name;
        auto* from = reinterpret_cast<sockaddr*>(&name); // NOLINT: recvfrom's type
        const auto size = ::recvfrom(socket, buffer.data(), buffer.size(), 0, from, &length);
        if (size < 0) continue;
        const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(
            std::chrono::steady_clock::now() - start);
        const auto answer = unsupported_version(
            speaks, std::span(buffer).first(static_cast<std::size_t>(size)), uptime);
        if (!answer.empty()) ::sendto(socket, answer.data(), answer.size(), 0, from, length);
    }
}

} // namespace natterjack::lab
