// SPDX-License-Identifier: MIT
/// \file
/// \brief Opens all ports that were asked for, side by side; of a port that is asked for with TCP
/// and UDP both, under one number outside if that can be had.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <natterjack/natterjack.hpp>

#include "options.hpp"

namespace nat_map {

/// One port and transport, from the request to its end.
struct Port {
    natterjack::OpenRequest request;
    std::string name; ///< "6667/tcp"
    int tries = 0;    ///< To have the number of the other transport.
    std::optional<natterjack::Result<natterjack::Opening, natterjack::OpenFailure>> outcome;
};

/// Belongs to the loop's thread. Destroying it cancels what is not answered and closes what is
/// open.
class OpenPorts {
public:
    /// \a done is called once, on the loop, when every port has its outcome.
    OpenPorts(const Options& options, const natterjack::Loop& loop, std::function<void()> done);

    [[nodiscard]] std::vector<Port>& ports() { return ports_; }
    /// Gives up waiting.
    void cancel() { attempts_.clear(); }

private:
    using Outcome = natterjack::Result<natterjack::Opening, natterjack::OpenFailure>;

    void start(std::size_t index);
    void take(std::size_t index, Outcome outcome);
    void unite(std::size_t index);
    void end(std::size_t count);

    const bool paired_; ///< Two transports of one port are to have one number outside.

    std::unique_ptr<natterjack::Traversal> chain_;
    std::vector<Port> ports_;
    std::vector<natterjack::Attempt> attempts_;
    std::function<void()> done_;
    std::size_t pending_ = 0;
};

} // namespace nat_map
