// SPDX-License-Identifier: MIT
#include "service_manager.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string_view>

#include <sys/socket.h>
#include <sys/un.h>

#include "net/fd.hpp"

namespace nat_map {

void tell_service_manager(const std::string& state) {
    const char* name = std::getenv("NOTIFY_SOCKET");
    if (name == nullptr) return;
    const std::string_view path = name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // A path, or a name in the abstract space, which is written with a leading @.
    const bool known = path.size() > 1 && (path[0] == '/' || path[0] == '@');
    if (!known || path.size() >= sizeof address.sun_path) return;
    std::copy(path.begin(), path.end(), std::begin(address.sun_path));
    if (path[0] == '@') address.sun_path[0] = '\0';
    const natterjack::net::Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) return;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    static_cast<void>(::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                               reinterpret_cast<const sockaddr*>(&address), length));
}

} // namespace nat_map
