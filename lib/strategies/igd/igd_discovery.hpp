// SPDX-License-Identifier: MIT
/// \file
/// \brief From a link to a usable WAN service: SSDP, descriptions, and the choice among services.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <natterjack/loop.hpp>

#include "net/http_client.hpp"
#include "strategies/igd/igd_service.hpp"
#include "strategies/mapper.hpp"

namespace natterjack::igd {

/// A gateway that answered, with the WAN service to use.
struct FoundGateway {
    IgdService service;
    std::string product; ///< For people; may be empty.
};

/// One search, descriptions included. Destroying it cancels it without a word.
class IgdDiscovery {
public:
    using Handler = std::function<void(Result<FoundGateway>)>;

    /// Answers exactly once, never before returning, at \a deadline at the latest; about a second
    /// after the start when nobody is there.
    /// \retval Errc::Timeout   nobody answered
    /// \retval Errc::NotFound  somebody did, and maps no ports
    /// \retval Errc::Unsafe    an answer names a host that it may not choose
    /// \retval Errc::Network   the socket could not be made, or the description not be fetched
    /// and others: why the description could not be used (those of net::HttpClient and
    /// parse_description(); Errc::Mismatch: an HTTP status other than 200)
    IgdDiscovery(const Loop& loop, const Path& path, std::shared_ptr<net::HttpClient> http,
                 TimePoint deadline, Handler handler);
    ~IgdDiscovery();
    IgdDiscovery(const IgdDiscovery&) = delete;
    IgdDiscovery& operator=(const IgdDiscovery&) = delete;

    /// Why there is no answer yet: the error that it would end with now.
    [[nodiscard]] Error why_not() const;

private:
    class State;
    std::shared_ptr<State> state_;
};

} // namespace natterjack::igd
