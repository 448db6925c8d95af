// SPDX-License-Identifier: MIT
/// \file
/// \brief How the two sides' lines get across while they connect.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <natterjack/result.hpp>

#include "fd_io.hpp"

namespace nat_connect {

/// Carries lines to the peer and back. Belongs to the main thread; must not be destroyed in its
/// handlers.
class Signalling {
public:
    struct Handlers {
        /// A line of the peer's that may be signalling.
        std::function<void(const std::string& line)> on_line;
        /// A line that cannot be: a greeting of a login shell, say. Printable.
        std::function<void(const std::string& line)> on_noise;
        /// Nothing more will come. One line: why.
        std::function<void(const std::string& why)> on_end;
    };

    virtual ~Signalling() = default;
    virtual void send(const std::string& line) = 0;
    /// The last line could not be read. False: there is no use in asking for it again.
    virtual bool ask_again(const std::string& /*why*/) { return false; }
    /// Ends it gently; \a done is called once, soon (within a second).
    virtual void finish(const std::function<void()>& done) { done(); }
};

/// Lines over \a input and \a output, which are ours.
[[nodiscard]] std::unique_ptr<Signalling> signal_by_streams(Fd input, Fd output,
                                                            Signalling::Handlers handlers);

/// Lines over a command's standard input and output.
/// \retval Errc::Network  it cannot be started
[[nodiscard]] natterjack::Result<std::unique_ptr<Signalling>>
signal_by_command(const std::string& command, Signalling::Handlers handlers);

/// One line each way, which a person carries: on the terminal if there is one, else the first line
/// of \a input and of \a output, of which nothing more is touched.
[[nodiscard]] std::unique_ptr<Signalling> signal_by_pasting(int input, int output, bool we_offer,
                                                            Signalling::Handlers handlers);

} // namespace nat_connect
