// SPDX-License-Identifier: MIT
/// \file
/// \brief How commands in a lab ask for changes of it: a Unix socket in the lab's own /run.
///
/// One connection is one request, a list of words, and one answer. Only what runs in the lab can
/// see the socket.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <natterjack/result.hpp>

#include "unique_fd.hpp"

namespace natterjack::lab {

using Words = std::vector<std::string>;

/// The lab's end. Lives in the sandbox's first process.
class ControlSocket {
public:
    /// \retval Errc::Unsupported  the socket cannot be made; detail: errno
    [[nodiscard]] static Result<ControlSocket> open();

    /// Readable when somebody asks.
    [[nodiscard]] int fd() const { return listener_.get(); }

    /// Takes one request and answers with what \a handle returns. Waits at most a second for a
    /// caller that connects and says nothing.
    void serve(const std::function<Result<void>(const Words&)>& handle) const;

private:
    UniqueFd listener_;
};

/// In a lab: asks for a change and waits until it is done.
/// \retval Errc::NoNetwork  this is no lab
/// \retval others           as the lab answered, with its message
[[nodiscard]] Result<void> ask_lab(const Words& request);

} // namespace natterjack::lab
