// SPDX-License-Identifier: MIT
/// \file
/// \brief Small, distrustful HTTP requests to a device on the local network (libsoup inside).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/loop.hpp>

#include "base/time.hpp"

namespace natterjack::net {

struct HttpRequest {
    std::string method = "GET";
    std::string url; ///< http:// with a numeric host; anything else is Errc::Unsafe.
    std::vector<std::pair<std::string, std::string>> headers; ///< Sent spelt exactly so.
    std::string content_type;                                 ///< Empty: no body.
    std::string body;
    /// On the connection that HttpClient::prepare() made, if there is one. Only for what may as
    /// well be done twice (RFC 9110 section 9.2.2): a dead connection may have carried it.
    bool use_prepared = false;
    Duration deadline{2000}; ///< For the whole exchange, connecting included.
    std::size_t max_body = std::size_t{256} * 1024; ///< More than this is Errc::TooLarge.
};

struct HttpResponse {
    int status = 0;
    std::string content_type;
    std::string body;
    IpAddress local_address; ///< Our end of the connection: what the device sees us as.
};

/// Makes requests from one source address. No redirects, no proxy, no cookies, no compression, no
/// TLS, no names. Each request has a connection of its own, which ends with it, as small devices
/// serve one at a time. Belongs to the loop's thread. Destroying it cancels its calls without a
/// word.
class HttpClient {
public:
    using Handler = std::function<void(Result<HttpResponse>)>;

    /// \a source: the address to connect from; unspecified: the kernel's choice.
    HttpClient(Loop loop, IpAddress source);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// Answers exactly once, never before returning. Any status is a response: the caller judges
    /// it.
    /// \retval Errc::Timeout          the deadline passed
    /// \retval Errc::TooLarge         the body is longer than max_body, or does not begin for
    ///                                interim responses (status 1xx)
    /// \retval Errc::Network          refused, reset, cut short, unreachable or not HTTP (detail:
    ///                                errno, where there is one)
    /// \retval Errc::Unsafe           the URL is not plain http to a numeric address
    /// \retval Errc::InvalidArgument  the method or a header has a line end or the like in it
    void send(const HttpRequest& request, Handler handler);

    /// Connects to the host of \a url, for a request with `use_prepared` that follows within two
    /// seconds: it then takes one round trip instead of two.
    void prepare(const std::string& url);

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace natterjack::net
