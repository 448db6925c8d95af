// SPDX-License-Identifier: MIT
/// \file
/// \brief Tells systemd how we are, by the datagrams of sd_notify(3).
#pragma once

#include <string>

namespace nat_map {

/// Sends \a state ("READY=1", "STATUS=...", one a line) to the socket that $NOTIFY_SOCKET names; to
/// nobody when it names none. What cannot be sent is lost.
void tell_service_manager(const std::string& state);

} // namespace nat_map
