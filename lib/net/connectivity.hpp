// SPDX-License-Identifier: MIT
/// \file
/// \brief What NetworkManager, where it runs, says about this host's way out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include <natterjack/loop.hpp>

#include "base/time.hpp"

namespace natterjack::net {

/// NMConnectivityState, with its numbers.
enum class Connectivity : std::uint8_t { Unknown = 0, None = 1, Portal = 2, Limited = 3, Full = 4 };

/// One question over the system's D-Bus, on a connection of its own. GIO's GNetworkMonitor knows
/// the same, but waits for the bus while it is made. Belongs to the loop's thread; destroying it
/// cancels it.
class ConnectivityQuestion {
public:
    using Handler = std::function<void(std::optional<Connectivity>)>;
    /// Answers exactly once, at \a deadline from now at the latest, never before returning. Empty:
    /// there is no bus, no NetworkManager, or no answer in time.
    ConnectivityQuestion(const Loop& loop, Duration deadline, Handler handler);
    ~ConnectivityQuestion();
    ConnectivityQuestion(const ConnectivityQuestion&) = delete;
    ConnectivityQuestion& operator=(const ConnectivityQuestion&) = delete;

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace natterjack::net
