// SPDX-License-Identifier: MIT
/// \file
/// \brief A session's port, opened at the gateways while the session gathers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <natterjack/traversal.hpp>

namespace natterjack::peer {

/// Keeps the mapping while it lives, and removes it at the end. Belongs to the loop's thread;
/// destroying it ends it without a word.
class PortMapping {
public:
    struct Mapped {
        Endpoint internal;
        Endpoint external;
        Strategy strategy = Strategy::Igd;
    };
    /// Called once when the port is mapped or cannot be, and again when the mapping moves.
    using Handler = std::function<void(Result<Mapped>)>;

    /// \a port: UDP, ours.
    PortMapping(const Loop& loop, NetworkChoice network, std::uint16_t port, Handler handler);
    PortMapping(const PortMapping&) = delete;
    PortMapping& operator=(const PortMapping&) = delete;

private:
    void take(Result<Opening, OpenFailure> result);
    void report(const OpeningInfo& info);

    Handler handler_;
    std::unique_ptr<Traversal> chain_;
    Attempt attempt_;
    std::optional<Opening> opening_;
};

} // namespace natterjack::peer
