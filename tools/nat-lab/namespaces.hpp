// SPDX-License-Identifier: MIT
/// \file
/// \brief The kernel's side of a lab: a sandbox of user, mount, PID and network namespaces, and in
/// it one named network namespace for each node.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include <natterjack/result.hpp>

#include "unique_fd.hpp"

namespace natterjack::lab {

/// What the starting process holds of a sandbox.
struct Sandbox {
    pid_t init = -1;   ///< The sandbox's first process, as seen from here.
    UniqueFd lifeline; ///< The sandbox ends when this is closed, by whatever means.
};

/// What the sandbox's first process is born with.
struct SandboxInit {
    UniqueFd lifeline; ///< Readable (at its end) once the starter is gone.
    bool in_user_namespace = false;
    uid_t user = 0; ///< The starter's, as seen from outside.
    gid_t group = 0;
};

/// Starts \a body as the first process (PID 1) of new namespaces: mount, PID, network, and user
/// unless we are root and allowed to do without. When that process ends, or this one does, even by
/// SIGKILL, the kernel kills everything in the sandbox and frees its networks and mounts.
/// The result of \a body becomes the first process's exit status.
/// Precondition: the calling process has one thread.
/// \retval Errc::Unsupported  the system does not allow it; detail: errno
[[nodiscard]] Result<Sandbox> start_sandbox(const std::function<int(SandboxInit)>& body);

/// The first thing to do in the sandbox: become root of the user namespace, if there is one, and
/// mount a /proc of our own and an empty tmpfs on /run, with /run/nat-lab and /run/netns.
/// \retval Errc::Unsupported  the system does not allow it; detail: errno
[[nodiscard]] Result<void> settle(const SandboxInit& init);

/// In the sandbox: shows \a text in place of the file \a path, if the system has one.
[[nodiscard]] Result<void> replace_file(const std::string& path, std::string_view text);

/// In the sandbox: makes an empty network called \a name, which `ip netns` knows too.
[[nodiscard]] Result<UniqueFd> create_network(const std::string& name);

/// Opens the network called \a name.
/// \retval Errc::NotFound  there is none
[[nodiscard]] Result<UniqueFd> open_network(std::string_view name);

/// Does \a action in the network \a network, then returns to the present one.
[[nodiscard]] Result<void> in_network(int network, const std::function<Result<void>()>& action);

/// Writes the whole of \a text to \a path, which is created if need be.
[[nodiscard]] Result<void> write_file(const std::string& path, std::string_view text);

} // namespace natterjack::lab
