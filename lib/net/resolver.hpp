// SPDX-License-Identifier: MIT
/// \file
/// \brief Names to addresses, without blocking the loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/loop.hpp>

#include "base/time.hpp"

namespace natterjack::net {

/// One look-up; destroying it cancels it.
class Resolution {
public:
    using Handler = std::function<void(Result<std::vector<IpAddress>>)>;
    /// Answers exactly once, never before returning. A numeric \a host is answered without asking
    /// anybody.
    /// \retval Errc::NotFound  the name does not resolve
    /// \retval Errc::Timeout   not within \a deadline
    Resolution(const Loop& loop, const std::string& host, Duration deadline, Handler handler);
    ~Resolution();
    Resolution(const Resolution&) = delete;
    Resolution& operator=(const Resolution&) = delete;

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace natterjack::net
