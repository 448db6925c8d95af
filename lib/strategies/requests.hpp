// SPDX-License-Identifier: MIT
/// \file
/// \brief The requests that a mapper has under way, and what becomes of them when it goes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include <natterjack/loop.hpp>
#include <natterjack/result.hpp>

#include "net/loop.hpp"

namespace natterjack {

/// Owns requests until they are answered. Belongs to the loop's thread.
///
/// A Request calls the handler that its constructor took once, never before the constructor
/// returns, and never after its destruction. The handler may destroy the owner of this.
template<class Request, class Answer>
class Requests {
public:
    using Handler = std::function<void(Result<Answer>)>;

    Requests() = default;
    Requests(const Requests&) = delete;
    Requests& operator=(const Requests&) = delete;
    ~Requests() {
        for (auto& [id, call] : std::exchange(calls_, {})) {
            call.request.reset();
            if (call.on_abandoned) call.on_abandoned();
        }
    }

    /// Starts what \a make(handler) returns. \a on_abandoned is called when this is destroyed while
    /// the request is under way: for taking back what it may have got.
    template<class Make>
    std::uint64_t start(Make&& make, Handler handler,
                        const std::function<void()>& on_abandoned = {}) {
        const auto id = next_++;
        auto& call = calls_[id];
        call.on_abandoned = on_abandoned;
        call.request = make([this, id, handler = std::move(handler)](Result<Answer> answer) {
            const auto answered = calls_.extract(id); // lives until its handler has returned
            handler(std::move(answer));
        });
        return id;
    }

    /// Forgets a request. Nothing is called for it any more.
    void drop(std::uint64_t id) { calls_.erase(id); }

private:
    struct Call {
        std::unique_ptr<Request> request;
        std::function<void()> on_abandoned;
    };

    std::map<std::uint64_t, Call> calls_;
    std::uint64_t next_ = 0;
};

/// Runs what \a make(handler) returns to its end although nobody waits for the answer. The request
/// must end by itself, within kUndoLimit.
template<class Answer, class Make>
void run_in_background(const Loop& loop, Make&& make) {
    auto holder = std::make_shared<decltype(make(std::function<void(Result<Answer>)>()))>();
    *holder = make([done = net::keep_until_done(loop, holder)](const Result<Answer>&) { done(); });
}

} // namespace natterjack
