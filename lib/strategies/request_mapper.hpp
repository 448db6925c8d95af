// SPDX-License-Identifier: MIT
/// \file
/// \brief What the mappers of NAT-PMP and PCP do alike: one question, one answer, at port 5351.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "strategies/mapper.hpp"
#include "strategies/requests.hpp"

namespace natterjack {

/// A Mapper that asks by \a Request, which is made of the loop, the path, a \a Question, the time
/// to give up and a handler of Result<Response>; see Requests for what is asked of it.
template<class Request, class Question, class Response>
class RequestMapper : public Mapper {
protected:
    using Answer = Result<Response>;

    RequestMapper(Loop loop, Path path) : loop_(std::move(loop)), path_(std::move(path)) {}

    /// Calls \a handler with \a error on the loop's next turn.
    template<class T>
    void fail(std::function<void(Result<T>)> handler, Error error) {
        loop_.post([weak = std::weak_ptr(alive_), handler = std::move(handler), error] {
            if (!weak.expired()) handler(error);
        });
    }

    /// \a on_abandoned is called when this is destroyed before the answer, and must not need this.
    std::uint64_t ask(Question question, TimePoint deadline, std::function<void(Answer)> handler,
                      const std::function<void()>& on_abandoned = {}) {
        return requests_.start(
            [&](std::function<void(Answer)> done) {
                return std::make_unique<Request>(loop_, path_, std::move(question), deadline,
                                                 std::move(done));
            },
            std::move(handler), on_abandoned);
    }
    /// Forgets a question.
    void drop(std::uint64_t id) { requests_.drop(id); }

    /// What asks \a question without anybody waiting for the answer; needs this no more.
    [[nodiscard]] std::function<void()> in_background(Question question) const {
        return [loop = loop_, path = path_, question = std::move(question)] {
            run_in_background<Response>(loop, [&](std::function<void(Answer)> done) {
                return std::make_unique<Request>(loop, path, question, net::now() + kUndoLimit,
                                                 std::move(done));
            });
        };
    }

    Loop loop_;
    Path path_;

private:
    Requests<Request, Response> requests_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

/// Why the gateway of \a path cannot be asked by \a protocol; empty: it can.
[[nodiscard]] inline std::optional<Error> why_not_ask(const Path& path,
                                                      const std::string& protocol) {
    if (path.gateway.is_unspecified()) {
        return Error{Errc::NotFound,
                     "there is no gateway on this link that could be asked by " + protocol};
    }
    if (path.source.is_unspecified() || path.source.is_v4() != path.gateway.is_v4()) {
        return Error{Errc::NoNetwork,
                     "this host has no address towards the gateway " + path.gateway.to_string()};
    }
    return std::nullopt;
}

/// Why \a request names no mapping. On the wire these zeros mean "all ports" and "delete" (RFC
/// 6886 section 3.4, RFC 6887 section 15).
[[nodiscard]] inline std::optional<Error> why_not_map(const MappingRequest& request,
                                                      const std::string& protocol) {
    if (request.internal.port == 0) {
        return Error{Errc::InvalidArgument, protocol + " cannot open port 0: name the port"};
    }
    if (request.lifetime.count() == 0) {
        return Error{Errc::InvalidArgument,
                     protocol + " cannot open a port for ever: name a lifetime"};
    }
    return std::nullopt;
}

/// Whether the gateway may hold a mapping although map() failed: nobody said that it does not.
[[nodiscard]] inline bool may_have_been_granted(const Error& error) {
    return error.code == Errc::Timeout || error.code == Errc::Network ||
           (error.code == Errc::Refused && error.detail == 0);
}

/// For MappingRequest::exact.
[[nodiscard]] inline Error conflict_of(std::uint16_t wanted, std::uint16_t offered) {
    return {Errc::Conflict, "external port " + std::to_string(wanted) +
                                " belongs to somebody else: the gateway offered " +
                                std::to_string(offered) + " instead"};
}

/// For Mapping::note.
[[nodiscard]] inline std::string note_of(std::uint16_t wanted, std::uint16_t granted) {
    return "the gateway gave external port " + std::to_string(granted) + " instead of " +
           std::to_string(wanted) + ", which is taken";
}

} // namespace natterjack
