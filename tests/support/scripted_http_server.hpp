// SPDX-License-Identifier: MIT
/// \file
/// \brief An HTTP server for tests that can do everything wrong. Runs on the test's loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <natterjack/endpoint.hpp>
#include <natterjack/loop.hpp>

#include "base/time.hpp"

namespace natterjack::test {

struct ScriptedRequest {
    std::string method;
    std::string path;
    std::map<std::string, std::string> headers; ///< Names in small letters.
    std::string body;
    std::string head;            ///< As it came, from the request line to the last header.
    bool in_one_segment = false; ///< Nothing of it was missing at the first read.
    Endpoint peer;
};

struct ScriptedResponse {
    int status = 200;
    std::string content_type = "text/xml; charset=\"utf-8\"";
    std::string body = {};
    std::map<std::string, std::string> headers = {}; ///< More of them.
    std::string raw = {};     ///< Not empty: sent instead of all the above, then closed.
    bool silent = false;      ///< Never answers; the connection stays open.
    bool reset = false;       ///< Closes without an answer.
    bool endless = false;     ///< The body, again and again, without a length.
    Duration per_byte{0};     ///< Not 0: head and body byte by byte, so far apart.
    Duration delay{0};        ///< Before the first byte.
    bool close_after = false; ///< Connection: close.
};

/// Listens at one endpoint. Connections are kept as HTTP/1.1 has it. Make it inside an InRouter to
/// have it in the router's network.
class ScriptedHttpServer {
public:
    using Handler = std::function<ScriptedResponse(const ScriptedRequest&)>;

    /// Port 0: any. Fails the test when it cannot listen.
    ScriptedHttpServer(const Loop& loop, const Endpoint& listen, Handler handler);
    ~ScriptedHttpServer();
    ScriptedHttpServer(const ScriptedHttpServer&) = delete;
    ScriptedHttpServer& operator=(const ScriptedHttpServer&) = delete;

    [[nodiscard]] Endpoint endpoint() const;
    /// How many connections were accepted, and how many are open.
    [[nodiscard]] int accepted() const;
    [[nodiscard]] int open() const;

private:
    class State;
    std::shared_ptr<State> state_;
};

} // namespace natterjack::test
