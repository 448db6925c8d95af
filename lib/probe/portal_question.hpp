// SPDX-License-Identifier: MIT
/// \file
/// \brief Fetches the page that tells whether a captive portal stands in the way.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/check_url.hpp"
#include "base/time.hpp"
#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"
#include "probe/portal.hpp"

namespace natterjack {

/// Looks the name up and asks once, without following anything. Belongs to the loop's thread;
/// destroying it ends it without a word.
class PortalQuestion {
public:
    using Handler = std::function<void(PortalCheck)>;

    /// Calls \a handler once, within \a deadline, never before returning.
    PortalQuestion(const Loop& loop, CheckUrl url, Duration deadline, Handler handler);
    PortalQuestion(const PortalQuestion&) = delete;
    PortalQuestion& operator=(const PortalQuestion&) = delete;

private:
    void fetch(const IpAddress& address);

    CheckUrl url_;
    TimePoint until_;
    Handler handler_;
    net::HttpClient http_;
    std::optional<net::Resolution> resolution_;
};

} // namespace natterjack
