// SPDX-License-Identifier: MIT
#include "control.hpp"

#include <array>
#include <cerrno>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "process.hpp"
#include "topology.hpp"

namespace natterjack::lab {

namespace {

constexpr std::size_t kMaxMessage = 16384;

Error system_error(std::string what) {
    return Error{Errc::Unsupported, std::move(what) + ": " + errno_text(errno), errno};
}

sockaddr_un address() {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const auto path = std::string(kStateDirectory) + "/control";
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    return name;
}

/// Words, each with a zero byte behind it.
std::string packed(const Words& words) {
    std::string out;
    for (const auto& word : words) out.append(word).push_back('\0');
    return out;
}

Words unpacked(std::string_view text) {
    Words words;
    for (auto end = text.find('\0'); end != std::string_view::npos; end = text.find('\0')) {
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    return words;
}

std::string receive(int socket) {
    std::string buffer(kMaxMessage, '\0');
    const auto size = ::recv(socket, buffer.data(), buffer.size(), 0);
    buffer.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return buffer;
}

} // namespace

Result<ControlSocket> ControlSocket::open() {
    ControlSocket control;
    control.listener_ = UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const auto name = address();
    if (!control.listener_ ||
        ::bind(control.listener_.get(), reinterpret_cast<const sockaddr*>(&name), // NOLINT: bind's
               sizeof name) != 0 ||
        ::listen(control.listener_.get(), SOMAXCONN) != 0) {
        return system_error("cannot make the lab's control socket");
    }
    return control;
}

void ControlSocket::serve(const std::function<Result<void>(const Words&)>& handle) const {
    const UniqueFd caller(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!caller) return;
    const timeval patience{1, 0};
    ::setsockopt(caller.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const auto done = handle(unpacked(receive(caller.get())));
    auto answer = packed({"done"});
    if (!done) {
        answer = packed({std::to_string(static_cast<int>(done.error().code)),
                         done.error().message.substr(0, kMaxMessage / 2)});
    }
    ::send(caller.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
}

Result<void> ask_lab(const Words& request) {
    const UniqueFd lab(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const auto name = address();
    if (!lab || ::connect(lab.get(), reinterpret_cast<const sockaddr*>(&name), // NOLINT: its type
                          sizeof name) != 0) {
        return Error{Errc::NoNetwork,
                     "this is not inside a lab; commands that 'nat-lab run' starts are", errno};
    }
    const auto text = packed(request);
    if (::send(lab.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) {
        return system_error("cannot ask the lab");
    }
    const auto answer = unpacked(receive(lab.get()));
    if (answer.size() == 1) return {};
    if (answer.size() != 2) return Error{Errc::Unsupported, "the lab did not answer"};
    return Error{static_cast<Errc>(std::stoi(answer[0])), answer[1]};
}

} // namespace natterjack::lab
